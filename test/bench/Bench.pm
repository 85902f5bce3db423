# Runs lines (Lines.pm) on a private server and keeps what they measured.
package Bench;
use v5.30;
use warnings;
use List::Util 'sum0';
use Harness qw(run_logged run_program slurp median commify);
use Server;

my $HERE = $INC{'Bench.pm'} =~ s{/[^/]*$}{}r;

sub new
{
	my ($class, %given) = @_;
	my $server = Server->new('bench')->start;
	my $self = bless { %given, server => $server, houses => {}, faults => 0 }, $class;
	for my $database ('bench', 'opening')
	{
		$server->create_database($database, 'tixbook');
		$server->psql($database, '-f', "$HERE/setup.sql");
	}
	return $self;
}

sub sql { return $_[0]{server}->sql('bench', $_[1]) }

sub machine
{
	my ($self) = @_;
	my $cpuinfo = slurp('/proc/cpuinfo');
	my @cores   = $cpuinfo =~ /^processor\s*:/mg;
	my ($model) = $cpuinfo =~ /^model name\s*:\s*(.*)$/m;
	my ($version) = split /,/, $self->sql('SELECT version()');
	return sprintf "%d cores, %s; %s; fsync %s, synchronous_commit %s; %d clients, %d rounds of %s s",
	  scalar(@cores), $model // 'unknown CPU', $version, $self->sql('SHOW fsync'),
	  $self->sql('SHOW synchronous_commit'), @$self{qw(clients rounds seconds)};
}

# How long an event of 20,000 seats takes to put on sale, and how big it is, against a row a seat.
sub opening
{
	my ($self) = @_;
	my $sql = sub { return $self->{server}->sql('opening', $_[0]) };
	my $house = $sql->('SELECT bench.make_house(20000, 10, 20)');
	my $event = $sql->("SELECT tixbook.create_event($house, 'opening', now() + interval '90 days', '{\"Standard\": 5000}')");
	my $took  = $sql->("CREATE TEMP TABLE clock AS SELECT clock_timestamp() AS started;
		SELECT FROM tixbook.open_sale($event);
		SELECT extract(epoch FROM clock_timestamp() - started) FROM clock");
	$sql->('INSERT INTO bench.seat (event_id, section, seat_no) SELECT 1, i / 2000, i % 2000 FROM generate_series(0, 19999) i');
	my ($ours, $rows) = map { $sql->("SELECT pg_total_relation_size('$_')") / 20000 } 'tixbook.seat_block', 'bench.seat';
	return sprintf 'open_sale of 20,000 seats in rows of 20: %.0f ms, %.1f bytes a seat (a row a seat: %.1f)',
	  1000 * $took, $ours, $rows;
}

# One round of one line: prepare, run, check.
sub run_line
{
	my ($self, $line) = @_;
	my $given = $line->{prepare} ? $line->{prepare}->($self) : {};
	$self->sql('CHECKPOINT');
	my @before = $self->counters;
	my ($tps, $transactions) = $self->pgbench($line->{name}, $given, $line->{seconds} ? $line->{seconds}->($self) : $self->{seconds});
	$self->{limit} = $tps if $line->{name} eq 'insert' && $tps > ($self->{limit} // 0);
	my @after = $self->counters;
	push @{ $line->{tps} }, $tps;
	push @{ $line->{wal} }, ($after[0] - $before[0]) / $transactions;
	my $updates = $after[1] - $before[1];
	push @{ $line->{hot} }, ($after[2] - $before[2]) / $updates if $updates;
	return $self->check($line, $given);
}

# WAL written; updates of seat blocks, and how many of them were HOT.
sub counters
{
	my ($self) = @_;
	return split /\|/, $self->sql("SELECT pg_current_wal_lsn() - '0/0', n_tup_upd, n_tup_hot_upd
		FROM pg_stat_user_tables WHERE relid = 'tixbook.seat_block'::regclass");
}

# The first seconds do not count: there each connection plans its statement and fills its caches.
my $WARM_UP = 2;

sub pgbench
{
	my ($self, $name, $given, $seconds) = @_;
	my $server = $self->{server};
	$seconds = int($seconds + 0.5) || 1;
	my ($status, $output) = run_logged(
		undef, "$server->{bindir}/pgbench", qw(-n -M prepared -P 1 -U postgres -p 5432 -h), $server->socket,
		'-c', $self->{clients}, qw(-j 2 -T), $WARM_UP + $seconds, '-f', "$HERE/lines/$name.sql",
		(map { ('-D', "$_=$given->{$_}") } sort keys %$given), 'bench');
	die "pgbench of $name failed:\n$output" if $status;
	my ($transactions) = $output =~ /^number of transactions actually processed: (\d+)/m;
	my @progress = $output =~ /^progress: [\d.]+ s, ([\d.]+) tps/mg;
	my $tps = sum0(@progress[ $WARM_UP .. $#progress ]) / ($#progress - $WARM_UP + 1 || 1);
	die "pgbench of $name did nothing:\n$output" if !$tps;
	return ($tps, $transactions);
}

# A house has half a million pairs of seats, and no round may sell it out: on a machine that is quick, rounds
# that sell are shorter.  Nothing sells faster than the INSERT.
sub affordable
{
	my ($self, $seconds) = @_;
	my $most = int(450_000 / ($self->{limit} // 20_000)) - $WARM_UP;
	return $seconds < $most ? $seconds : $most;
}

sub check
{
	my ($self, $line, $given) = @_;
	return if !$line->{check};
	my $wrong = $self->sql($line->{check}->($self, $given) . ' LIMIT 10');
	return if $wrong eq '';
	say "$line->{name}: $wrong";
	$self->{faults}++;
	return;
}

sub table
{
	my ($self, @lines) = @_;
	my %median = map { $_->{name} => median(@{ $_->{tps} }) } @lines;
	my $ratio = sub {
		my ($tps, $to) = @_;
		return $median{$to} ? sprintf '%.2f', $tps / $median{$to} : '-';
	};
	my @rows = ([ 'line', 'calls/s', 'to the INSERT', 'to row per seat', 'WAL bytes/call', 'HOT updates' ]);
	for my $line (@lines)
	{
		my $tps = $median{ $line->{name} };
		push @rows, [
			$line->{title}, commify($tps), $ratio->($tps, 'insert'), $ratio->($tps, 'row_per_seat'),
			commify(median(@{ $line->{wal} })),
			$line->{hot} ? sprintf('%.1f %%', 100 * median(@{ $line->{hot} })) : '-' ];
	}
	return map { sprintf '%-42s %10s %14s %16s %15s %12s', @$_ } @rows;
}

1;
