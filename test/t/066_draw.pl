# The draw of a hundred thousand: recomputed from what is published, and without luck for anybody.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use IPC::Run 'run';
use JSON::PP;
use List::Util qw(sum0);
use PostgreSQL::Test::Utils;
use Test::More;
use Tixbook::Test;

my $FANS = 100_000;
my $node = new_node('draw', conf => ['tixbook.waitingroom_worker = off']);
my $sql  = sub { return $node->safe_psql('postgres', $_[0]) };

# A room that begins with so many in it; what it published is computed anew by a program that never saw the database.
sub recompute
{
	my ($event, $beacon) = @_;
	$sql->(sprintf q{SELECT tixbook.open_waiting_room(%d, now() + interval '1 hour', 1, 1, beacon => %s)}, $event, $beacon ? "'$beacon'" : 'NULL');
	$sql->("INSERT INTO tixbook.waiting_room_entry (event_id, entry, joined_at, customer) SELECT $event, g, now(), 'fan ' || g FROM generate_series(0, $FANS - 1) g;
		SELECT setval('tixbook.waiting_room_entry_${event}_seq', $FANS - 1)");
	$sql->("SELECT tixbook.tick_waiting_rooms(now() + interval '1 hour')");
	$sql->("SELECT tixbook.draw_waiting_room($event, 'what $beacon said')") if $beacon;
	my $facts = $sql->("SELECT tixbook.find_waiting_room($event)");
	my $positions = $sql->("SELECT e.entry || ' ' || tixbook.draw_position(decode('" . decode_json($facts)->{seed} . "', 'hex'), $FANS, e.entry)
		FROM tixbook.waiting_room_entry e WHERE e.event_id = $event ORDER BY e.entry");
	my ($said, $told);
	my $run = sub {
		my ($given) = @_;
		run [ 'node', 'test/t/draw.mjs' ], \"$given\n$positions\n", \$said, \$told or die "node: $told";
		return decode_json($said);
	};
	is_deeply($run->($facts), { fault => undef, computed => $FANS, wrong => 0 }, "event $event: every position is what the published seed makes it");
	my $of_another = encode_json({ %{ decode_json($facts) }, seed => 'ab' x 32 });
	my $found = $run->($of_another);
	ok($found->{fault} && $found->{wrong} > $FANS - 20, 'and not what another seed would');
	my $asked = $sql->("SELECT count(*) FROM tixbook.waiting_room_entry e, LATERAL tixbook.queue_status($event, e.customer) s
		WHERE e.event_id = $event AND e.entry % 997 = 0 AND s.position IS DISTINCT FROM tixbook.draw_position((SELECT seed FROM tixbook.waiting_room WHERE event_id = $event), $FANS, e.entry)");
	is($asked, 0, 'and what each fan is told');
	return;
}

# How far the places of some are from spread evenly over fifty parts of the queue.
sub chi_square
{
	my ($seed, $who) = @_;
	my @counts = split /\n/, $sql->("SELECT count(e) FROM generate_series(0, 49) part LEFT JOIN (
		SELECT e, 50 * tixbook.draw_position(sha256('$seed'), $FANS, e) / $FANS AS part FROM generate_series(0, $FANS - 1) e WHERE $who) d USING (part)
		GROUP BY part ORDER BY part");
	my $due = sum0(@counts) / 50;
	# Drawn without putting back: less spread than if each were drawn alone.
	return sum0(map { ($_ - $due)**2 / $due } @counts) / (1 - sum0(@counts) / $FANS);
}

# Who tries a thousand times has the one entry that he had at first, and so one place in the draw.
sub try_again_and_again
{
	my ($event) = @_;
	$sql->("SELECT tixbook.open_waiting_room($event, now() + interval '1 hour', 1, 1)");
	$sql->("SELECT count(j.entry) FROM generate_series(1, 500) f, LATERAL tixbook.join_waiting_room($event, CASE WHEN f % 25 = 0 THEN 'bot ' ELSE 'fan ' END || f) j");
	my $entries = $sql->("SELECT string_agg(customer || ' ' || entry, ',' ORDER BY entry) FROM tixbook.waiting_room_entry WHERE event_id = $event");
	my $tried = $sql->("SELECT count(*) || ' ' || count(DISTINCT j.entry) FROM generate_series(1, 1000) try, generate_series(25, 500, 25) bot,
		LATERAL tixbook.join_waiting_room($event, left('bot ' || bot || ' ' || try, length('bot ' || bot))) j");
	is($tried, '20000 20', 'twenty bots that try a thousand times each are told of one entry each');
	is($sql->("SELECT string_agg(customer || ' ' || entry, ',' ORDER BY entry) FROM tixbook.waiting_room_entry WHERE event_id = $event"),
		$entries, 'and nobody has another than before');
	return;
}

new_house($node, 'postgres', 2, 10) for 1 .. 3;
recompute(1, undef);
recompute(2, 'pulse 7 of a beacon');
try_again_and_again(3);

# Seeds are fixed, so each of these comes out the same in every run.  49 degrees of freedom: 85.4 is exceeded once
# in a thousand draws, by a fair one.
my %who = ('the first tenth to join' => "e < $FANS / 10", 'the last tenth' => "e >= $FANS * 9 / 10", 'every fifth, the bots' => 'e % 5 = 0', 'those who came together' => 'e BETWEEN 50000 AND 50999');
for my $name (sort keys %who)
{
	my @values = map { chi_square("seed $_", $who{$name}) } 1 .. 5;
	cmp_ok((sort { $a <=> $b } @values)[-1], '<', 85.4, "$name have no better odds: " . join ' ', map { sprintf '%.1f', $_ } @values);
	my $mean = sum0(@values) / 5;
	ok($mean > 30 && $mean < 68, sprintf 'nor is it too even to be chance: %.1f on average', $mean);
}
my $loaded = chi_square('seed 1', "tixbook.draw_position(sha256('seed 1'), $FANS, e) < $FANS / 2 AND e % 5 = 0");
cmp_ok($loaded, '>', 1000, 'a loaded draw would be seen');

$node->stop;
done_testing();
