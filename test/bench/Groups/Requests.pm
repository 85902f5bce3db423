# Requests: how fast the queue is worked off, how well it keeps its pace, and what the rest of the shop notices.
package Groups::Requests;
use v5.30;
use warnings;
use Time::HiRes qw(sleep time);
use Houses;
use Load;

my $BURST = 50_000;
my $PACE  = 2_500;
my $SEATS = 1_000_000;

# The rest is measured for as long as the burst is worked off.
my $WARM_UP = 2;
my $SECONDS = $BURST / $PACE - $WARM_UP - 3;

sub group
{
	return {
		name    => 'requests',
		title   => 'Requests: two seats each, in ten sections',
		measure => \&measure,
		facts   => [
			reserve   => { title => 'reserve, 32 clients, calls/s' },
			submit    => { title => 'submit_request, 32 clients, calls/s' },
			decided   => { title => '50,000 requests worked off without a limit, one process, requests/s' },
			ratio     => { title => 'the same ÷ reserve', least => 2 },
			rest10    => { title => 'a look and a reserve at another event, 10 clients, p99', unit => 'ms' },
			burst10   => { title => 'while 50,000 requests, submitted in one go, are worked off', unit => 'ms' },
			ratio10   => { title => 'ratio of the two', most => 2 },
			pace10    => { title => 'pace kept, of 2,500 a second', least => 0.95, most => 1.05 },
			rest32    => { title => 'the same with 32 clients, p99', unit => 'ms' },
			burst32   => { title => 'while 50,000 requests are worked off', unit => 'ms' },
			ratio32   => { title => 'ratio of the two', most => 2 },
			pace32    => { title => 'pace kept, of 2,500 a second', least => 0.95, most => 1.05 } ]
	};
}

sub measure
{
	my ($bench) = @_;
	my %figures = %{ unlimited($bench) };
	for my $clients (10, 32)
	{
		$figures{"rest$clients"} = rest($bench, $clients);
		@figures{ "burst$clients", "pace$clients" } = rest_amid_burst($bench, $clients);
		$figures{"ratio$clients"} = $figures{"burst$clients"} / $figures{"rest$clients"};
	}
	return \%figures;
}

# As fast as may be: reserve, and the queue.
sub unlimited
{
	my ($bench) = @_;
	my ($direct, $queued) = (Houses::event($bench, $SEATS, 100), Houses::event($bench, $SEATS, 100));
	my $reserve = $bench->load('reserve', { event => $direct }, seconds => 8, 'warm-up' => $WARM_UP);
	$bench->sql("SELECT tixbook.set_request_rate($queued, 0)");
	workers($bench, 'off');
	my $began = time;
	my $submit = $bench->load('submit_request', { event => $queued }, calls => $BURST, seconds => 300);
	my $took = time - $began;
	$bench->sql('CHECKPOINT');
	workers($bench, 'on');
	my $report = worked_off($bench, $queued);
	return {
		reserve => $reserve->{rate},
		submit  => $BURST / $took,
		decided => $report->{rate},
		ratio   => $report->{rate} / $reserve->{rate}
	};
}

sub workers
{
	my ($bench, $state) = @_;
	$bench->sql("ALTER SYSTEM SET tixbook.request_worker = $state");
	$bench->sql('SELECT pg_reload_conf()');
	my $there = "count(*) FROM pg_stat_activity WHERE backend_type = 'tixbook requests worker'";
	for (1 .. 200)
	{
		last if $state eq 'on' || $bench->sql("SELECT $there") == 0;
		sleep 0.1;
	}
	return;
}

# Waits until nothing waits; every request must have become a hold, and no hold may be there without one.
sub worked_off
{
	my ($bench, $event) = @_;
	for (1 .. 600)
	{
		last if $bench->sql("SELECT count(*) FROM tixbook.request WHERE event_id = $event AND waiting_since IS NOT NULL") == 0;
		sleep 0.1;
	}
	my ($held, $bookings, $rate) = split /\|/, $bench->sql("SELECT count(*) FILTER (WHERE status = 'held'),
		(SELECT count(*) FROM tixbook.booking WHERE event_id = $event),
		count(*) / extract(epoch FROM max(ended_at) - min(ended_at))
		FROM tixbook.request WHERE event_id = $event");
	$bench->fault("requests: $held became holds, and there are $bookings, not $BURST") if $held != $BURST || $bookings != $BURST;
	my $wrong = Houses::violations($bench, $event);
	$bench->fault("requests: $wrong") if $wrong ne '';
	return { rate => $rate };
}

sub start_rest
{
	my ($bench, $clients, $event) = @_;
	return $bench->start_load('rest_of_shop', { event => $event }, clients => $clients, seconds => $SECONDS, 'warm-up' => $WARM_UP);
}

sub p99
{
	my ($bench, $load) = @_;
	my $report = Load::finish($load);
	$bench->fault("requests: the rest ended with @{[%{ $report->{codes} }]}") if join('', keys %{ $report->{codes} }) ne '00000';
	return $report->{latency_ms}{p99};
}

sub rest
{
	my ($bench, $clients) = @_;
	my $event = Houses::event($bench, $SEATS, 100);
	$bench->sql('CHECKPOINT');
	return p99($bench, start_rest($bench, $clients, $event));
}

# The burst comes in one go; while it is worked off the rest goes on.  Neither is to meet a checkpoint.
sub rest_amid_burst
{
	my ($bench, $clients) = @_;
	my ($event, $other) = map { Houses::event($bench, $SEATS, 100) } 1 .. 2;
	workers($bench, 'off');
	$bench->sql("SELECT tixbook.set_request_rate($event, $PACE)");
	my $acknowledged = $bench->sql("SELECT count(tixbook.submit_request($event, 2, (n % 10)::text)) FROM generate_series(1, $BURST) n");
	$bench->fault("requests: $acknowledged of $BURST were acknowledged") if $acknowledged != $BURST;
	$bench->sql('CHECKPOINT');
	workers($bench, 'on');
	my $p99 = p99($bench, start_rest($bench, $clients, $other));
	return ($p99, worked_off($bench, $event)->{rate} / $PACE);
}

1;
