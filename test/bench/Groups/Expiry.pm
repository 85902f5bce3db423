# Expiry: a hundred thousand holds that end in the same instant while selling goes on, and how late holds end
# when they do so all the time.
package Groups::Expiry;
use v5.30;
use warnings;
use List::Util qw(max min sum0);
use Time::HiRes qw(sleep time);
use Harness 'percentile';
use Figure;
use Houses;

my $HOLDS = 100_000;

# Rates are taken for so long before the instant, and at least so long after it.
my $BEFORE = 5;
my $AFTER  = 1;

# The figure shows so many seconds after it; with many more the house would be sold out.
my $DRAWN = 6;

my $LAG_SECONDS = 15;
my $LAG_RATE    = 500;

sub group
{
	return {
		name    => 'expiry',
		title   => 'Expiry',
		measure => sub { return { %{ storm($_[0]) }, %{ steady($_[0]) } } },
		facts   => [
			freed  => { title => "100,000 holds due at once: all their seats are free after", unit => 's', most => 3 },
			before => { title => 'reserve just before, calls/s' },
			during => { title => 'reserve while they end, calls/s' },
			kept   => { title => 'ratio of the two', least => 0.7 },
			p50    => { title => "lag of the end of a hold, at $LAG_RATE holds a second, p50", unit => 'ms' },
			p99    => { title => 'p99', unit => 'ms', most => 50 },
			busy50 => { title => 'the same with as many holds as can be made, p50', unit => 'ms' },
			busy99 => { title => 'p99', unit => 'ms' }
		],
		figures => [ { name => 'storm', draw => \&draw } ]
	};
}

# One storm: at the instant when they all end, others reserve at another event.
sub storm
{
	my ($bench) = @_;
	my ($trial, $selling) = map { Houses::event($bench, 1_000_000, 100) } 1 .. 2;
	my $rate = $bench->load('reserve', { event => $trial }, seconds => 2, 'warm-up' => 1)->{rate};
	my ($full, $due) = holds_for_one_instant($bench, $rate);
	sleep max(0, $due - $BEFORE - 2 - time);
	my $load = $bench->start_load('reserve', { event => $selling }, seconds => $BEFORE + 2 + $DRAWN + 3);
	my ($freed, $free) = watch($bench, $full, $due);
	my $report = Load::finish($load);
	check($bench, $full, $selling, $report);
	return figures($report, $due, $freed, $free);
}

# Makes the holds, all for the same instant, soon after they are made; returns their event and the instant.
# Where it took longer than the rate promised, there is a second try with more time.
sub holds_for_one_instant
{
	my ($bench, $rate) = @_;
	my $ready = $BEFORE + 5;
	for my $margin (1.4, 3)
	{
		my $event = Houses::event($bench, 300_000, 100);
		my $due = int(time + $margin * $HOLDS / $rate + $ready);
		$bench->load('hold_until', { event => $event, due => $due }, calls => $HOLDS, seconds => 600);
		my $made = $bench->sql("SELECT count(*) FROM tixbook.booking WHERE event_id = $event AND status = 'held'
			AND expires_at BETWEEN to_timestamp($due) AND to_timestamp($due) + interval '1 s'");
		$bench->sql('CHECKPOINT');
		return ($event, $due) if $made == $HOLDS && time < $due - $BEFORE - 2;
	}
	die "expiry: the holds could not be made in time\n";
}

# Polls until all seats are free again; returns how long that took, and the free seats by the time.
sub watch
{
	my ($bench, $event, $due) = @_;
	my $dbh = $bench->dbh;
	my $sth = $dbh->prepare('SELECT sum(free), (SELECT e.capacity FROM tixbook.event e WHERE e.event_id = $1)
		FROM tixbook.seat_block WHERE event_id = $1');
	my @free;
	sleep max(0, $due - 1 - time);
	while (time < $due + 60)
	{
		$sth->execute($event);
		my ($free, $capacity) = $sth->fetchrow_array;
		push @free, [ time - $due, $free ];
		last if $free == $capacity;
		sleep 0.05;
	}
	$bench->fault("expiry: $free[-1][1] seats were free a minute after the end of the holds") if time >= $due + 60;
	return ($free[-1][0], \@free);
}

sub check
{
	my ($bench, $full, $selling, $report) = @_;
	my $ended = $bench->sql("SELECT count(*) FROM tixbook.booking WHERE event_id = $full AND status = 'expired'");
	$bench->fault("expiry: $ended holds have ended, not $HOLDS") if $ended != $HOLDS;
	$bench->fault("expiry: reserve ended with @{[%{ $report->{codes} }]}") if join('', keys %{ $report->{codes} }) ne '00000';
	for my $event ($full, $selling)
	{
		my $wrong = Houses::violations($bench, $event);
		$bench->fault("expiry: $wrong") if $wrong ne '';
	}
	return;
}

sub figures
{
	my ($report, $due, $freed, $free) = @_;
	my $rate = sub {
		my ($from, $to) = map { int(($due + $_ - $report->{started}) * $report->{ticks_per_second} + 0.5) } @_;
		return sum0(@{ $report->{ticks} }[ $from .. $to - 1 ]) / ($to - $from) * $report->{ticks_per_second};
	};
	my ($before, $during) = ($rate->(-$BEFORE, 0), $rate->(0, max($freed, $AFTER)));
	return {
		freed  => $freed,
		before => $before,
		during => $during,
		kept   => $during / $before,
		free   => $free,
		rates  => [ map { [ $_ / 2 + 0.25, $rate->($_ / 2, ($_ + 1) / 2) ] } -2 * $BEFORE .. 2 * $DRAWN ]
	};
}

sub draw
{
	my ($group) = @_;
	my $round = $group->{rounds}[-1];
	my $most  = max(map { $_->[1] } @{ $round->{rates} });
	my @free  = ([ -$BEFORE, $round->{free}[0][1] ], @{ $round->{free} }, [ $DRAWN, $round->{free}[-1][1] ]);
	my ($least, $all) = map { $_->[1] } @free[ 0, -1 ];
	return Figure::curves('100,000 holds end in the same instant', 'calls a second; seats from none to all', 'seconds', '',
		{ name => 'reserve at another event', points => $round->{rates} },
		{ name => 'seats of the holds that are free again', points => [ map { [ $_->[0], $most * ($_->[1] - $least) / ($all - $least) ] } @free ] });
}

# Holds of three seconds, first so many a second and then as many as can be made.  The server remembers when
# transactions committed: that is when seats were free again.
sub steady
{
	my ($bench) = @_;
	my $server = $bench->beside('expiry', track_commit_timestamp => 'on');
	my ($p50, $p99) = lags($server, rate => $LAG_RATE);
	my ($busy50, $busy99) = lags($server);
	return { p50 => $p50, p99 => $p99, busy50 => $busy50, busy99 => $busy99 };
}

sub lags
{
	my ($bench, %options) = @_;
	my $event = Houses::event($bench, 300_000, 100);
	my $report = $bench->load('hold_for', { event => $event, hold => '3 s' }, seconds => $LAG_SECONDS, %options);
	sleep 5;
	my $lags = $bench->sql("SELECT string_agg(extract(epoch FROM pg_xact_commit_timestamp(xmin) - expires_at)::text, ' ')
		FROM tixbook.booking WHERE event_id = $event AND status = 'expired'");
	my @lags = map { $_ * 1000 } split ' ', $lags;
	$bench->fault('expiry: ' . @lags . " of $report->{codes}{'00000'} holds have ended") if @lags != $report->{codes}{'00000'};
	$bench->fault('expiry: a hold ended before its time') if min(@lags) < 0;
	return map { percentile($_, @lags) } 0.5, 0.99;
}

1;
