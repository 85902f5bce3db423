# What drawing 20,000 seats takes.
use v5.30;
use warnings;
use Tixbook::Browser;

my $web = new_box_office();
run_script('speed.mjs', 8, $web->url, 3);
end_shop($web);
