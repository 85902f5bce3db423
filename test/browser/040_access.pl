# The page without a mouse, without sight, in the dark.
use v5.30;
use warnings;
use Tixbook::Browser;

my $web = new_box_office();
my $sql = sub { $web->{server}->sql('shop', $_[0]) };
# Event 2 gathers; in 3 one may choose at a time, and that one is in already.
$sql->("SELECT tixbook.open_waiting_room(2, now() + interval '1 hour', 1, 1, proof_of_work => 8)");
$sql->("SELECT tixbook.open_waiting_room(3, now(), 1, 1, session => '1 day'); SELECT tixbook.join_waiting_room(3, 'the first')");
for (1 .. 200) { last if $sql->("SELECT state FROM tixbook.queue_status(3, 'the first')") eq 'admitted'; select undef, undef, undef, 0.1 }
run_script('access.mjs', 85, $web->url, $ENV{SHOTS} // ());
end_shop($web);
