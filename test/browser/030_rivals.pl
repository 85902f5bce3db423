# Two who want the same seat, and networks that lose answers.
use v5.30;
use warnings;
use Tixbook::Browser;
use Test::More;

my $web = new_box_office();
run_script('rivals.mjs', 25, $web->url, $ENV{SHOTS} // ());
is($web->{server}->sql('shop', 'SELECT count(*) FROM tixbook.payment'), 1, 'one payment was made, however often it was asked for');
end_shop($web);
