# Calls are cancelled, sessions and workers terminated, at any moment, for a while; what is left of it keeps every law,
# and nobody else is hindered by it.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Tixbook::Test;

my $SECONDS = $ENV{STRESS_SECONDS} // 20;
my $CLIENTS = 8;
my ($ROWS, $SEATS) = (40, 25);
my $CAPACITY = $ROWS * $SEATS;
my $node = new_node('interrupted', conf => [ 'max_connections = 50', 'log_statement = none', q{tixbook.cache_size = '1MB'}, q{tixbook.publish = 'notify'},
	q{tixbook.payment_provider = 'test'}, q{tixbook.payment_window = '2 s'} ]);
my @events = map { new_house($node, 'postgres', $ROWS, $SEATS, max_per_customer => 8) } 1 .. 3;
my $room   = $events[2];
my $log    = PostgreSQL::Test::Utils::tempdir();

sub sql { return $node->safe_psql('postgres', @_) }

sql("SELECT tixbook.open_waiting_room($room, now(), 50, 100)");

# What is cancelled in it is caught, and its transaction goes on.
sql(<<~'SQL');
	CREATE FUNCTION try_twice(event integer) RETURNS uuid LANGUAGE plpgsql AS $$
	BEGIN
		BEGIN
			PERFORM tixbook.reserve(event, 3, hold_for => '0.3 s');
			PERFORM tixbook.release(booking_id) FROM tixbook.reserve(event, 1, hold_for => '0.3 s');
			PERFORM 1 / (random() * 4)::integer;
		EXCEPTION
			WHEN query_canceled THEN NULL;
			WHEN OTHERS THEN NULL;
		END;
		RETURN (SELECT booking_id FROM tixbook.reserve(event, 2, hold_for => '2 s'));
	END
	$$
	SQL

# A session, which may end any moment; half of them allow no call more than a few milliseconds.
sub session
{
	my $dbh = connect_to($node);
	$dbh->do(q{SET application_name = 'shopper'});
	$dbh->do(q{SET idle_in_transaction_session_timeout = '20 ms'});
	$dbh->do(sprintf q{SET statement_timeout = '%d ms'}, 1 + rand 8) if rand() < 0.5;
	return $dbh;
}

my %do = (
	reserve => sub { $_[0]->do('SELECT tixbook.reserve(?, ?, hold_for => ?)', undef, $_[1], 1 + int rand 6, '0.3 s') },
	named   => sub { $_[0]->do('SELECT tixbook.reserve_seats(?, ?, hold_for => ?)', undef, $_[1], [ map { int rand $CAPACITY } 1, 2 ], '0.3 s') },
	keyed   => sub {
		$_[0]->do('SELECT tixbook.reserve(?, 2, customer => ?, idempotency_key => ?, hold_for => ?)', undef, $_[1], 'customer ' . int rand 50, 'key ' . int rand 100, '0.3 s');
	},
	twice   => sub { $_[0]->do('SELECT try_twice(?)', undef, $_[1]) },
	request => sub { $_[0]->do('SELECT tixbook.submit_request(?, 2, customer => ?, hold_for => ?)', undef, $_[1], 'customer ' . int rand 50, '0.3 s') },
	block   => sub { $_[0]->do('SELECT tixbook.block_seats(?, ?)', undef, $_[1], [ int rand $CAPACITY ]) },
	unblock => sub { $_[0]->do('SELECT tixbook.unblock_seats(?, ?)', undef, $_[1], [ 0 .. $CAPACITY - 1 ]) },
	look    => sub { $_[0]->do('SELECT tixbook.availability(?)', undef, $_[1]) },
	listing => sub { $_[0]->do('SELECT * FROM tixbook.section_availability(?)', undef, $_[1]) },
	forget  => sub { $_[0]->do('UPDATE tixbook.seat_block SET block_no = block_no WHERE event_id = ? AND block_no = ?', undef, $_[1], int rand $ROWS) },
	join    => sub { $_[0]->do('SELECT tixbook.join_waiting_room(?, ?)', undef, $room, 'fan ' . int rand 500) },
	queue   => sub { $_[0]->do('SELECT tixbook.queue_status(?, ?)', undef, $room, 'fan ' . int rand 500) },
	leave   => sub { $_[0]->do('SELECT tixbook.leave_waiting_room(?, ?)', undef, $room, 'fan ' . int rand 500) },
	settle  => sub { $_[0]->do('SELECT tixbook.settle_payments(20)') },
	sweep   => sub { $_[0]->do('SELECT tixbook.sweep(20)') },
	several => sub {
		my ($dbh, $event) = @_;
		$dbh->begin_work;
		$dbh->do('SELECT tixbook.reserve(?, 2, hold_for => ?)', undef, $event, '0.3 s');
		$dbh->pg_savepoint('one');
		$dbh->do('SELECT tixbook.reserve(?, 5, hold_for => ?)', undef, $event, '0.3 s');
		$dbh->pg_rollback_to('one') if rand() < 0.5;
		sleep 0.03 if rand() < 0.1;
		rand() < 0.7 ? $dbh->commit : $dbh->rollback;
	},
);
my @doings = sort keys %do;

my @tokens = map { "tok_test_$_" } qw(success declined twice slow slow_declined silent);

# Pays for a hold, through the provider or without it; true: it is said to be sold.
sub pay
{
	my ($dbh, $booking) = @_;
	return $dbh->do('SELECT tixbook.confirm(?, ?)', undef, $booking, "payment of $booking") if rand() < 0.5;
	return $dbh->selectrow_array('SELECT state FROM tixbook.pay(?, ?)', undef, $booking, $tokens[ rand @tokens ]) eq 'captured';
}

# Buys a ticket, and may give it back; writes down what it was told.
sub buy
{
	my ($dbh, $event, $out) = @_;
	my $booking = $dbh->selectrow_array('SELECT booking_id FROM tixbook.reserve(?, 1, hold_for => ?)', undef, $event, '5 s');
	return if !pay($dbh, $booking);
	say $out "$booking confirmed";
	return if rand() < 0.05;
	say $out "$booking cancelling";
	$dbh->do('SELECT tixbook.cancel(?)', undef, $booking);
	return;
}

sub shopper
{
	my ($number, $until) = @_;
	my $pid = fork // die "cannot fork: $!\n";
	return $pid if $pid;
	srand $number;
	open my $out, '>', "$log/$number" or die "cannot write $log/$number: $!\n";
	local $SIG{__WARN__} = sub { };
	my %ended;
	while (time < $until)
	{
		my $dbh = eval { session() } // next;
		while (time < $until)
		{
			my $what  = rand() < 0.2 ? 'buy' : $doings[ rand @doings ];
			my $event = $events[ rand 2 ];
			my $well  = eval { $what eq 'buy' ? buy($dbh, $event, $out) : $do{$what}->($dbh, $event); 1 };
			my $state = $well ? '00000' : state_of($dbh);
			$ended{$state}++;
			last if $state =~ /^08/;
			eval { $dbh->rollback } if !$dbh->{AutoCommit};
		}
		eval { $dbh->disconnect };
	}
	say $out join ' ', 'ended', %ended;
	close $out;
	POSIX::_exit(0);
}

# The SQLSTATE of what has just failed; DBD::Pg keeps none of a COMMIT.
sub state_of
{
	my ($dbh) = @_;
	return $dbh->state || ($@ =~ /canceling statement/ ? '57014' : $@ =~ s/\s+/_/gr);
}

# Cancels what somebody does, and now and then ends him; workers come back slower each time they are ended.
sub disturb
{
	my ($until) = @_;
	my $dbh = connect_to($node);
	my $ended = 0;
	while (time < $until)
	{
		my $who  = rand() < 0.8 ? "application_name = 'shopper'" : "backend_type LIKE 'tixbook % worker'";
		my $ends = rand() < ($who =~ /shopper/ ? 0.1 : 0.002);
		$ended += $dbh->selectrow_array(sprintf 'SELECT count(pg_%s_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE %s ORDER BY random() LIMIT 1) s',
			$ends ? 'terminate' : 'cancel', $who);
		sleep rand 0.01;
	}
	$dbh->disconnect;
	return $ended;
}

my $until    = time + $SECONDS;
my @shoppers = map { shopper($_, $until) } 1 .. $CLIENTS;
my $disturbed = disturb($until);
waitpid $_, 0 for @shoppers;

my (%told, %ended);
for my $number (1 .. $CLIENTS)
{
	open my $in, '<', "$log/$number" or die "cannot read $log/$number: $!\n";
	while (my ($booking, @words) = split ' ', <$in> // last)
	{
		$booking eq 'ended' ? (map { $ended{ $words[ 2 * $_ ] } += $words[ 2 * $_ + 1 ] } 0 .. $#words / 2) : ($told{$booking} = $words[0]);
	}
}
note "disturbed $disturbed times; calls by how they ended: ", join ', ', map { "$_ $ended{$_}" } sort keys %ended;
cmp_ok($ended{'00000'} // 0, '>', 100, 'calls ended well');
cmp_ok($ended{'57014'} // 0, '>', 20,  'others were cancelled');
cmp_ok($ended{'08000'} // 0, '>', 3,   'or their session ended');
delete @ended{ grep { /^(?:TB\d\d\d|00000|08000|25P03|57014|57P01)$/ } keys %ended };
is(join(' ', %ended), '', 'and no call ended in another way than it should');

# What is due is done, though workers were ended.
my $due = "SELECT NOT EXISTS (SELECT FROM tixbook.booking WHERE status IN ('held', 'paying') AND expires_at < clock_timestamp())
	AND NOT EXISTS (SELECT FROM tixbook.request WHERE status = 'waiting')";
ok($node->poll_query_until('postgres', $due), 'holds end, and requests are worked off');
ok($node->poll_query_until('postgres', "SELECT tixbook.settle_payments() >= 0 AND NOT EXISTS
	(SELECT FROM tixbook.payment WHERE state = 'pending' AND payment_token <> 'tok_test_silent')
	AND NOT EXISTS (SELECT FROM tixbook.refund WHERE state = 'due')"), 'payments are settled, and refunds paid');
is(sql('SELECT * FROM tixbook.verify()'), '', 'every law holds');
is(sql("SELECT * FROM tixbook.verify_payments() WHERE law <> ''"), '', 'also of the money');
my @sold = grep { $told{$_} eq 'confirmed' } keys %told;
is(sql("SELECT count(*) FROM unnest('{" . join(',', @sold) . "}'::uuid[]) id WHERE NOT EXISTS
	(SELECT FROM tixbook.booking b WHERE b.booking_id = id AND b.status = 'confirmed')"), 0, 'each of ' . @sold . ' sales that a shopper was told of is one');

for my $event (@events[ 0, 1 ])
{
	is(sql("SELECT tixbook.prewarm($event)"), 't', 'the map of the event can be had');
	is(sql("SELECT a.taken::text = (SELECT tixbook.seatmap_join(b.taken, vb.first_seat, $CAPACITY)::text FROM tixbook.seat_block b
		JOIN tixbook.event e USING (event_id) JOIN tixbook.venue_block vb USING (venue_id, block_no) WHERE event_id = $event)
		FROM tixbook.availability($event) a"), 't', 'and has what the rows have');
}

# Nobody is counted any longer as deciding on a block: who comes too late is refused without a look at any.
my $buyer = connect_to($node);
my $looks = sub {
	$buyer->selectrow_array('SELECT pg_stat_force_next_flush()');
	return sql("SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE relname = 'seat_block'");
};
for my $event (@events[ 0, 1 ])
{
	sql("SELECT tixbook.unblock_seats($event, ARRAY(SELECT generate_series(0, $CAPACITY - 1)))");
	1 while eval { $buyer->do("SELECT tixbook.reserve($event, 1, hold_for => '1 h')") };
	is($buyer->state, 'TB102', 'the house is sold out');
	ok($node->poll_query_until('postgres', $due), 'nothing is due');
	my $before  = $looks->();
	my $refused = grep { !eval { $buyer->do("SELECT tixbook.reserve($event, 1)") } && $buyer->state eq 'TB102' } 1 .. 100;
	is($refused, 100, 'who comes now is refused');
	cmp_ok($looks->() - $before, '<', 10, 'and nearly all without a look at the rows');
}
is(sql('SELECT * FROM tixbook.verify()'), '', 'every law holds');
$buyer->disconnect;
$node->stop;
done_testing();
