# A crash amid the sale: what was acknowledged is there, nothing is sold twice, and the sale goes on.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Tixbook::Test;

my $CLIENTS = 4;

my $node  = new_node('crash', conf => [ 'restart_after_crash = on' ]);

sub sql { return $node->safe_psql('postgres', @_) }
sub in_time { return $node->poll_query_until('postgres', @_) }

# More seats than clients sell on a fast machine before the server goes away.
my $event = new_house($node, 'postgres', 400, 100);
wait_for_worker($node, 'postgres');

# A client that books until the server goes away, and prints what it was told.
# Every other hold is paid; those that are not end within the sale.
sub start_client
{
	my ($number) = @_;
	my $script = join '', map { <<~SQL } 1 .. 5000;
		SELECT booking_id AS id FROM tixbook.reserve($event, 2, hold_for => '2 s') \\gset
		\\echo held :id
		SELECT booking_id AS id
		FROM tixbook.reserve($event, 1, customer => 'client $number', hold_for => '5 s') \\gset
		SELECT status FROM tixbook.confirm(:'id', 'payment ' || :'id') \\gset
		\\echo :status :id
		SQL
	my $file = $node->basedir . "/client$number";
	append_to_file("$file.sql", $script) if !-e "$file.sql";
	my $run = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', "$file.sql", '-d', $node->connstr('postgres') ],
		'<', \undef, '>', "$file.out", '2>', "$file.err");
	return { run => $run, file => $file };
}

# Runs the sale, brings the server down amid it, and returns what the clients were told.
sub sale_until
{
	my ($name, $crash) = @_;
	my $booked  = sql("SELECT count(*) FROM tixbook.ticket");
	my @clients = map { start_client($_) } 1 .. $CLIENTS;
	in_time("SELECT count(*) > $booked + 200 FROM tixbook.ticket");
	$crash->();
	$_->{run}->finish for @clients;
	my @errors = map { slurp_file("$_->{file}.err") } @clients;
	is(scalar(grep { /connection to server was lost|server closed the connection/ } @errors), $CLIENTS, "$name: all clients were interrupted")
	  or diag(@errors);
	return map { split /\n/, slurp_file("$_->{file}.out") } @clients;
}

sub check
{
	my ($name, @told) = @_;
	my @held = map { /^held (.+)/      ? $1 : () } @told;
	my @paid = map { /^confirmed (.+)/ ? $1 : () } @told;
	note "$name: " . @held . ' holds and ' . @paid . ' sales were acknowledged';
	cmp_ok(@paid, '>=', 200, "$name: the sale was on");
	is(sql('SELECT count(*) FROM tixbook.verify()'), 0, "$name: verify() finds nothing");
	is(found("'confirmed'", @paid), @paid, "$name: every acknowledged sale is there");
	is(found("'held', 'expired'", @held), @held, "$name: every acknowledged hold is there");
	is(sql(<<~SQL), 0, "$name: no seat has two live bookings");
		SELECT count(*) FROM (
		    SELECT FROM tixbook.booking b, unnest(b.seats) AS seat
		    WHERE b.event_id = $event AND status IN ('held', 'paying', 'confirmed')
		    GROUP BY seat HAVING count(*) > 1) s
		SQL
	ok(in_time("SELECT count(*) = 0 FROM tixbook.booking WHERE status = 'held'"),
		"$name: a new worker ends the holds");
	is(sql(<<~SQL), 't', "$name: all seats but the sold ones are free");
		SELECT (SELECT sum(free) FROM tixbook.seat_block WHERE event_id = $event)
		     = (SELECT capacity FROM tixbook.event WHERE event_id = $event)
		     - (SELECT count(*) FROM tixbook.ticket WHERE event_id = $event)
		SQL
	return;
}

# How many of the bookings are there, in one of the states.
sub found
{
	my ($states, @ids) = @_;
	my $list = join ',', map { "'$_'" } @ids;
	return sql(
		"SELECT count(*) FROM tixbook.booking WHERE booking_id IN ($list) AND status IN ($states)");
}

# One backend is killed, and the server starts over by itself.
my @told = sale_until('killed backend', sub {
	my $victim = sql(<<~'SQL');
		SELECT pid FROM pg_stat_activity
		WHERE query ~ 'tixbook.(reserve|confirm)' AND pid <> pg_backend_pid() LIMIT 1
		SQL
	kill('KILL', $victim) == 1 or die 'no client to kill';
});
in_time('SELECT NOT pg_is_in_recovery()');
check('killed backend', @told);
is(tixbook_processes($node), 'tixbook expiry worker in postgres, tixbook launcher',
	'launcher and worker are back');

# The whole server stops without ado.
@told = sale_until('immediate stop', sub { $node->stop('immediate') });
$node->start;
check('immediate stop', @told);

# And the sale goes on.
my $hold = sql("SELECT booking_id FROM tixbook.reserve($event, 4)");
is(sql("SELECT status FROM tixbook.confirm('$hold', 'after the crash')"), 'confirmed', 'the sale goes on');

$node->stop;
done_testing();
