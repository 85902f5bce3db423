# The waiting room as one meets it: gathering, the draw, the queue, the turn, and its end.
use v5.30;
use warnings;
use Test::More;
use Tixbook::Browser;

my $web = new_box_office();
my $sql = sub { $web->{server}->sql('shop', $_[0]) };
# Forty others are in already, and will not come when it is their turn.
$sql->("SELECT tixbook.open_waiting_room(1, now() + interval '45 seconds', 2, 100, session => '15 seconds', no_show => '10 seconds')");
$sql->("SELECT count(*) FROM generate_series(1, 40) n, LATERAL tixbook.join_waiting_room(1, 'other ' || n)");
run_script('room.mjs', 25, $web->url, $ENV{SHOTS} // ());
is($sql->("SELECT count(*) FROM tixbook.booking WHERE status = 'confirmed'"), 1, 'one booking was made');
end_shop($web);
