# The waiting room: a start with fourteen million in it, what they ask, ticks, and joining.
package Groups::Room;
use v5.30;
use warnings;
use Harness qw(commify median setting);
use Houses;

# In the large room, whose entries fit into the server's memory, and in a small one to compare with.
my $LARGE = setting('ROOM', 14_000_000);
my $SMALL = 14_000;

# Customers are numbers of nine digits, so that they are filled in in their order.
my $FIRST = 100_000_000;

my $TICKS   = 30;
my $SECONDS = 5;
my $WARM_UP = 2;

# Fans ask for an hour: by then every backend has the pages of the large room at hand.
my $LONG_WARM_UP = 30;

sub group
{
	my $large = commify($LARGE);
	return {
		name    => 'room',
		title   => "The waiting room, with $large in it",
		measure => \&measure,
		facts   => [
			start      => { title => 'the start: the draw and the first tick', unit => 'ms', most => 1000 },
			tick       => { title => 'a tick', unit => 'ms', most => 50 },
			tick_small => { title => "the same with @{[commify($SMALL)]} in it", unit => 'ms' },
			wal        => { title => 'WAL of a tick', unit => 'bytes' },
			wal_small  => { title => "the same with @{[commify($SMALL)]} in it", unit => 'bytes' },
			rows       => { title => 'rows that a tick writes', most => 1 },
			select_1   => { title => 'SELECT 1', unit => 'a second' },
			prewarm    => { title => 'prewarm', unit => 'ms' },
			status     => { title => 'queue_status of one who waits', unit => 'a second' },
			asked      => { title => '… to SELECT 1', least => 0.5 },
			insert     => { title => 'one-row durable INSERT', unit => 'a second' },
			join       => { title => 'join_waiting_room', unit => 'a second' },
			joined     => { title => '… to the INSERT', least => 0.7 } ]
	};
}

sub measure
{
	my ($bench) = @_;
	my ($large, $small) = map { $bench->beside($_, 'tixbook.waitingroom_worker' => 'off', shared_buffers => '4GB',
			'tixbook.cache_size' => '512MB') } 'room', 'small-room';
	my ($event, $start)  = begin($large, $LARGE);
	my ($other)          = begin($small, $SMALL);
	my ($tick, $wal, $rows)      = ticks($large, $event);
	my ($tick_small, $wal_small) = ticks($small, $other);
	my $rate = sub { my ($script, $given, $warm_up) = @_; return rate($large, $script, $given, $warm_up // $WARM_UP) };
	my $fans     = { event => $event, first => $FIRST, last => $FIRST + $LARGE - 1 };
	my ($prewarm) = timed($large, "SELECT tixbook.prewarm($event)");
	my $status    = $rate->('queue_status', $fans, $LONG_WARM_UP);
	my $select_1  = $rate->('select_1', {});
	$large->sql('TRUNCATE bench.booking');
	my $insert = $rate->('insert', {});
	my $new    = open_room($large);
	my $join   = $rate->('join_waiting_room', { event => $new });
	$large->sql("SELECT tixbook.close_waiting_room($new)");    # or the ticks of the next round would move it, too
	return {
		start => $start, tick => $tick, tick_small => $tick_small, wal => $wal, wal_small => $wal_small, rows => $rows,
		prewarm  => $prewarm,
		select_1 => $select_1, status => $status, asked  => $status / $select_1,
		insert   => $insert,   join   => $join,   joined => $join / $insert
	};
}

# An event with a room that starts in an hour; its pace leaves most of them waiting.
sub open_room
{
	my ($bench) = @_;
	my $event = Houses::event($bench, 20_000, 20);
	$bench->sql("SELECT tixbook.open_waiting_room($event, now() + interval '1 hour', 100, 5000, no_show => '1 hour')");
	return $event;
}

# The room with so many in it, filled once, and how long its start takes.
sub begin
{
	my ($bench, $entries) = @_;
	my $event = $bench->keep('room', sub { return fill($bench, open_room($bench), $entries) });
	# As if it had not begun yet.
	$bench->sql("UPDATE tixbook.waiting_room SET drawn = NULL, drawn_at = NULL, secret = NULL, seed = NULL WHERE event_id = $event;
		DELETE FROM tixbook.waiting_room_pointer WHERE event_id = $event");
	$bench->sql('CHECKPOINT');
	my ($took) = timed($bench, "SELECT tixbook.tick_waiting_rooms(now() + interval '1 hour')");
	my $drawn = $bench->sql("SELECT drawn FROM tixbook.waiting_room WHERE event_id = $event AND seed IS NOT NULL");
	$bench->fault("room: $drawn of $entries were drawn") if $drawn ne $entries;
	return ($event, $took);
}

sub fill
{
	my ($bench, $event, $entries) = @_;
	$bench->sql("INSERT INTO tixbook.waiting_room_entry (event_id, entry, joined_at, customer)
		SELECT $event, g, now(), $FIRST + g FROM generate_series(0, $entries - 1) g;
		SELECT setval('tixbook.waiting_room_entry_${event}_seq', $entries - 1)");
	$bench->sql('VACUUM ANALYZE tixbook.waiting_room_entry');
	return $event;
}

# Of many ticks, a second apart: the median of their times, and what one of them writes.
sub ticks
{
	my ($bench, $event) = @_;
	my $written = sub { return $bench->sql("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_all_tables WHERE schemaname = 'tixbook'") };
	my $wal = sub { return $bench->sql("SELECT pg_current_wal_insert_lsn() - '0/0'") };
	my @times = timed($bench, "SELECT tixbook.tick_waiting_rooms(now() + interval '1 hour 1 s')");
	my @before = ($wal->(), $written->());
	push @times, timed($bench, map { "SELECT tixbook.tick_waiting_rooms(now() + interval '1 hour $_ s')" } 2 .. $TICKS);
	my @after = ($wal->(), $written->());
	my $moved = $bench->sql("SELECT admitted FROM tixbook.waiting_room_pointer WHERE event_id = $event");
	$bench->fault('room: the queue did not move') if !$moved;
	return (median(@times), map { ($after[$_] - $before[$_]) / ($TICKS - 1) } 0, 1);
}

# How long each of the statements takes in one session, in milliseconds.
sub timed
{
	my ($bench, @statements) = @_;
	my $output = $bench->{server}->psql('bench', '-c', '\timing on', map { ('-c', $_) } @statements);
	return $output =~ /^Time: ([\d.]+) ms/mg;
}

sub rate
{
	my ($bench, $script, $given, $warm_up) = @_;
	$bench->sql('CHECKPOINT');
	my $report = $bench->load($script, $given, seconds => $SECONDS, 'warm-up' => $warm_up);
	my %codes  = %{ $report->{codes} };
	$bench->fault("room: $script ended with @{[%codes]}") if join('', keys %codes) ne '00000';
	return $report->{rate};
}

1;
