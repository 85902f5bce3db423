# What happens elsewhere shows at once where the edge tells it, and soon where it does not.
use v5.30;
use warnings;
use Test::More;
use Tixbook::Browser;

my $web = new_box_office();
run_script('live.mjs', 8, $web->url, '', 'told');
$web->end_nginx;
$web->{live} = 0;
$web->start_nginx;
run_script('live.mjs', 5, $web->url, '', 'asked');
end_shop($web);
