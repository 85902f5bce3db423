# A whole visit, on a desktop and on a phone.
use v5.30;
use warnings;
use Tixbook::Browser;
use Test::More;

my $web = new_box_office();
run_script('journey.mjs', 40, $web->url, $ENV{SHOTS} // ());
is($web->{server}->sql('shop', "SELECT string_agg(status::text, ' ') FROM tixbook.booking"), 'cancelled cancelled', 'two bookings were made, and cancelled');
end_shop($web);
