# The modules of the box office that need no browser.
use v5.30;
use warnings;
use Test::More;
use Tixbook::Browser;

run_script('modules.mjs', 70);
done_testing();
