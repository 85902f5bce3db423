# The soak: the same house is sold, its holds end, and it is sold again, for as long as one likes.  Short rounds
# of the INSERT in between tell how the machine itself drifts.
package Groups::Soak;
use v5.30;
use warnings;
use List::Util qw(max sum0);
use Harness qw(median setting);
use Figures;
use Houses;

# At 12,000 calls a second half of the house is held at any time.
my $SEATS = 500_000;
my $HOLD  = 10;

# The table of bookings is as large as it gets once holds end, go and leave room for others.
my $SETTLED = 5;

# The rounds at either end that go as fast as they can; in between a machine may be given other work
# (SOAK_RATE, calls a second).
my $FAST = 2;

my $SALE_SECONDS   = 55;
my $INSERT_SECONDS = 5;

sub group
{
	my ($seconds) = @_;
	return {
		name    => 'soak',
		title   => "Selling the same house again and again for $seconds s",
		rounds_wanted => 1,
		measure => sub { return soak($_[0], $seconds) },
		facts   => [
			first       => { title => 'reserve in the first minute, calls/s' },
			last        => { title => 'reserve in the last minute, calls/s' },
			kept        => { title => 'ratio of the two' },
			kept_insert => { title => 'ratio of the two, each to the INSERT beside it', least => 0.95 },
			hot         => { title => 'updates of seat blocks that were HOT, %' },
			expired     => { title => 'holds ended' },
			max_lag     => { title => 'longest lag of the end of a hold', unit => 'ms' },
			seat_block  => { title => 'growth of tixbook.seat_block since the fifth minute, times', most => 2 },
			booking     => { title => 'growth of tixbook.booking, times', most => 2 },
			others      => { title => 'growth of the tables that others of the extension have, times', most => 2 } ],
		figures => [ { name => 'rate', draw => \&draw } ]
	};
}

sub soak
{
	my ($bench, $seconds) = @_;
	my $server = $bench->beside('soak', 'tixbook.ended_hold_ttl' => "$HOLD s");
	my $event  = Houses::event($server, $SEATS, 100);
	my $rounds = max(int($seconds / ($SALE_SECONDS + $INSERT_SECONDS)), $SETTLED + 1);
	my $rate   = setting('SOAK_RATE');
	my (%before, @sales, @inserts);
	sale($server, $event, $HOLD + 5);
	for my $round (1 .. $rounds)
	{
		my $fast = $round <= $FAST || $round > $rounds - $FAST;
		push @inserts, insert($server);
		push @sales,   sale($server, $event, $SALE_SECONDS, $fast ? undef : $rate);
		%before = sizes($server) if $round == $SETTLED;
	}
	push @inserts, insert($server);
	my %after = sizes($server);
	my $wrong = Houses::verify($server, { event => $event });
	$bench->fault("soak: $wrong") if $wrong ne '';
	return { %{ rates(\@sales, \@inserts) }, %{ growth(\%before, \%after) }, %{ health($server) } };
}

sub sale
{
	my ($server, $event, $seconds, $rate) = @_;
	my $report = $server->load('hold_for', { event => $event, hold => "$HOLD s" }, seconds => $seconds, rate => $rate);
	my %codes = %{ $report->{codes} };
	$server->fault("soak: calls ended with @{[%codes]}") if keys %codes != 1 || !$codes{'00000'};
	return $report->{rate};
}

sub insert
{
	my ($server) = @_;
	$server->sql('TRUNCATE bench.booking');
	return $server->load('insert', {}, seconds => $INSERT_SECONDS - 1, 'warm-up' => 1)->{rate};
}

# The INSERT beside a sale is the mean of the one before and the one after.
sub rates
{
	my ($sales, $inserts) = @_;
	my @beside = map { ($inserts->[$_] + $inserts->[ $_ + 1 ]) / 2 } 0 .. $#$sales;
	return {
		first       => $sales->[0],
		last        => $sales->[-1],
		kept        => $sales->[-1] / $sales->[0],
		kept_insert => ($sales->[-1] / $beside[-1]) / ($sales->[0] / $beside[0]),
		sales       => $sales,
		beside      => \@beside
	};
}

# Bytes of each table with its indexes.
sub sizes
{
	my ($server) = @_;
	return map { split /\|/ } split /\n/, $server->sql("SELECT relname, pg_total_relation_size(oid) FROM pg_class
		WHERE relnamespace = 'tixbook'::regnamespace AND relkind = 'r'");
}

# A table that has a megabyte now and had less counts as if it had had one.
sub growth
{
	my ($before, $after) = @_;
	my %times = map { $_ => max(2**20, $after->{$_}) / max(2**20, $before->{$_} // 0) } keys %$after;
	my @others = grep { $_ ne 'seat_block' && $_ ne 'booking' } keys %times;
	return { (map { $_ => $times{$_} } qw(seat_block booking)), others => max(@times{@others}) };
}

sub health
{
	my ($server) = @_;
	my ($updates, $hot) = split /\|/, $server->sql("SELECT n_tup_upd, n_tup_hot_upd
		FROM pg_stat_user_tables WHERE relid = 'tixbook.seat_block'::regclass");
	my ($expired, $max_lag) = split /\|/, $server->sql("SELECT holds_expired, 1000 * extract(epoch FROM max_lag)
		FROM tixbook.worker_status() WHERE database_name = 'bench' AND job = 'expiry'");
	return { hot => 100 * $hot / $updates, expired => $expired, max_lag => $max_lag };
}

sub draw
{
	my ($group) = @_;
	my ($round) = @{ $group->{rounds} };
	my $minutes = sub { my ($rates) = @_; return [ map { [ $_ + 1, $rates->[$_] ] } 0 .. $#$rates ] };
	return Figure::curves($group->{title}, 'calls a second', 'minutes', '',
		{ name => 'reserve', points => $minutes->($round->{sales}) },
		{ name => 'INSERT beside it', points => $minutes->($round->{beside}), color => '#94a3b8' });
}

1;
