# 64 clients sell a house of 18,000 seats out, to the last seat.  Nothing comes back meanwhile, so each refusal
# can be judged afterwards: seats that calls took which began after its answer were free when it was given.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use DBD::Pg qw(:async);
use List::Util qw(sum0);
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);
use Tixbook::Test;

my ($CLIENTS, $ROWS, $SEATS) = (64, 180, 100);
my $node  = new_node('sellout', conf => ['max_connections = 100']);
my $event = new_house($node, 'postgres', $ROWS, $SEATS);
my $log   = PostgreSQL::Test::Utils::tempdir();

sub clock { return clock_gettime(CLOCK_MONOTONIC) }

# Parties of one to six while there is room for them, then single seats until the house is sold out.
sub client
{
	my ($number) = @_;
	srand $number;
	my $dbh = connect_to($node);
	my $reserve = $dbh->prepare("SELECT booking_id, cardinality(seats) FROM tixbook.reserve($event, ?, hold_for => '1 h')");
	my $confirm = $dbh->prepare('SELECT FROM tixbook.confirm(?, ?)');
	open my $out, '>', "$log/$number" or die "cannot write $log/$number: $!\n";
	my $largest = 6;
	while ($largest)
	{
		my $quantity = 1 + int rand $largest;
		my $began    = clock();
		my $hold     = eval { $dbh->selectrow_arrayref($reserve, undef, $quantity) };
		my $ended    = clock();
		my $outcome  = $hold ? 'ok' : refusal($dbh, $@);
		say {$out} join ' ', $began, $ended, $quantity, $outcome, $hold ? $hold->[1] : 0;
		if ($hold) { $confirm->execute($hold->[0], "paid $hold->[0]") if rand() < 0.7 }
		elsif ($outcome eq 'busy') { sleep 0.01 }
		else { $largest = $quantity - 1 }
	}
	close $out or die "cannot write $log/$number: $!\n";
	$dbh->disconnect;
	return;
}

sub refusal
{
	my ($dbh, $error) = @_;
	state %reason = (TB102 => 'sold_out', TB103 => 'not_enough_seats', TB107 => 'busy');
	return $reason{ $dbh->state } // die $error;
}

my %client;
for my $number (1 .. $CLIENTS)
{
	my $pid = fork // die "cannot fork: $!\n";
	if (!$pid)
	{
		my $done = eval { client($number); 1 };
		diag("client $number: $@") if !$done;
		POSIX::_exit($done ? 0 : 1);
	}
	$client{$pid} = $number;
}
my @failed = grep { waitpid($_, 0); $? } sort keys %client;
is(@failed, 0, "$CLIENTS clients sold until there was nothing left");

my @calls = map { my %call; @call{qw(began ended quantity outcome seats)} = split; \%call }
  map { split /\n/, slurp_file("$log/$_") } 1 .. $CLIENTS;
my @sales    = grep { $_->{outcome} eq 'ok' } @calls;
my @refusals = grep { $_->{outcome} =~ /^(?:sold_out|not_enough_seats)$/ } @calls;
my $busy     = grep { $_->{outcome} eq 'busy' } @calls;
note(scalar(@sales) . ' holds, ' . @refusals . " refusals, busy $busy times");

is(sum0(map { $_->{seats} } @sales), $ROWS * $SEATS, 'the holds add up to the house');
is(scalar(grep { $_->{outcome} eq 'ok' && $_->{seats} != $_->{quantity} } @calls), 0, 'each has the seats it asked for');

sub free_all_along
{
	my ($refusal) = @_;
	return sum0(map { $_->{seats} } grep { $_->{began} > $refusal->{ended} } @sales);
}
is_deeply([ grep { $_->{outcome} eq 'sold_out' && free_all_along($_) } @refusals ],
	[], 'no call said sold_out while a seat was free');
is_deeply([ grep { free_all_along($_) >= $_->{quantity} } @refusals ],
	[], 'none was refused for want of seats that were free');

is($node->safe_psql('postgres', "SELECT count(*) FROM tixbook.verify($event)"), 0, 'the laws hold');
is($node->safe_psql('postgres', <<~SQL), $ROWS * $SEATS . "|0|t", 'map, tickets and holds agree: every seat is taken');
	SELECT tixbook.cardinality(a.taken), a.free,
	       a.capacity = (SELECT count(*) FROM tixbook.ticket WHERE event_id = $event)
	                  + (SELECT sum(cardinality(seats)) FROM tixbook.booking WHERE event_id = $event AND status = 'held')
	FROM tixbook.availability($event) a
	SQL

# Seats that come back while a buyer looks at all blocks, after he has begun and before he comes to theirs, are not missed.
my $large = new_house($node, 'postgres', 5000, 2);
my ($seller, $buyer) = map { connect_to($node) } 1 .. 2;
$seller->do("SELECT tixbook.reserve($large, 2, hold_for => '1 h') FROM generate_series(1, 5000)");
$buyer->do("SET tixbook.lock_wait = '60 s'");
my $reserve = $buyer->prepare("SELECT booking_id FROM tixbook.reserve($large, 2, hold_for => '1 h')", { pg_async => PG_ASYNC });
my $last = $seller->selectrow_array("SELECT booking_id FROM tixbook.booking WHERE event_id = $large ORDER BY seats DESC LIMIT 1");
my $missed = 0;
for (1 .. 30)
{
	$seller->begin_work;
	$seller->do('SELECT tixbook.release(?)', undef, $last);
	$reserve->execute;
	sleep rand 0.01;
	$seller->commit;
	my $got = eval { $reserve->pg_result; $reserve->fetchrow_array };
	die $@ if !$got && $buyer->state ne 'TB102';
	$missed++ if !$got;
	$last = $got // $seller->selectrow_array("SELECT booking_id FROM tixbook.reserve($large, 2, hold_for => '1 h')");
}
is($missed, 0, 'a buyer who began when seats were about to come back gets them');
$reserve->finish;
$_->disconnect for $seller, $buyer;

# Who comes too late does not walk over what has ended before, which an open snapshot keeps in the index; a hold of
# another event that is due is nothing to him.
sub entries_read
{
	return $node->safe_psql('postgres', "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'booking_due_idx'");
}
sub hold
{
	my ($house, $count, $time) = @_;
	return $node->safe_psql('postgres', "SELECT count(tixbook.reserve($house, 2, hold_for => '$time')) FROM generate_series(1, $count)");
}
$node->append_conf('postgresql.conf', 'tixbook.expiry_worker = off');
$node->reload;
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM tixbook.worker_status() WHERE job = 'expiry' AND pid IS NOT NULL");
my ($small, $other) = map { new_house($node, 'postgres', 20, 50) } 1 .. 2;
my $reader = $node->background_psql('postgres', on_error_stop => 1);
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM tixbook.event');
hold($small, 500, '1 s');
hold($other, 1, '1 s');
my $due = 'FROM tixbook.booking WHERE status = \'held\' AND expires_at < clock_timestamp()';
ok($node->poll_query_until('postgres', "SELECT count(*) = 501 $due"), 'holds are due');
hold($small, 1, '1 h') for 1 .. 500;
is($node->safe_psql('postgres', "SELECT count(*) FILTER (WHERE event_id = $small), count(*) FILTER (WHERE event_id = $other) $due"),
	'0|1', 'buyers end those of their event, and no other');
my $before  = entries_read();
my $late    = connect_to($node);
my $refused = 0;
for (1 .. 200)
{
	my $got = eval { $late->do("SELECT tixbook.reserve($small, 2)") };
	$refused++ if !$got && $late->state eq 'TB102';
}
is($refused, 200, 'then it is sold out');
cmp_ok(entries_read() - $before, '<', 3000, 'and who learns it does not walk over what has ended');
note 'entries read for 200 refusals: ', entries_read() - $before;
$reader->query_safe('COMMIT');
$reader->quit;

# A session that is terminated while it finds out when the next hold ends, for all, leaves that to others.
my $tiny = new_house($node, 'postgres', 1, 2);
hold($tiny, 1, '1 s');
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 $due AND event_id = $tiny"), 'a hold is due');
terminate_waiting($node, 'tixbook.booking IN SHARE MODE', "SELECT tixbook.reserve($tiny, 2)");
hold($tiny, 1, '1 h');
my $looks = sub { $node->safe_psql('postgres', "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'booking_due_idx'") };
$before = $looks->();
$refused = grep { !eval { $late->do("SELECT tixbook.reserve($tiny, 2)") } && $late->state eq 'TB102' } 1 .. 50;
$late->disconnect;
is($refused, 50, 'it is sold out again');
cmp_ok($looks->() - $before, '<', 10, 'and nearly all learn it without a look');
$node->stop;
done_testing();
