# The page without a mouse, without sight, in the dark.
use v5.30;
use warnings;
use Tixbook::Browser;

my $web = new_box_office();
run_script('access.mjs', 70, $web->url, $ENV{SHOTS} // ());
end_shop($web);
