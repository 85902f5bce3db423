# The private server that is measured, and one round of one line on it.
package Bench;
use v5.30;
use warnings;
use List::Util qw(max min sum0);
use Harness qw(slurp);
use Load;
use Server;

my $HERE = $INC{'Bench.pm'} =~ s{/[^/]*$}{}r;

# Refusals by the ten thousand a second are not for the log.
my %CONF = (max_connections => 260, shared_buffers => '1GB', log_min_messages => 'fatal');

# Before a rate counts: there each connection plans its statement and fills its caches.
my $WARM_UP = 2;

sub new
{
	my ($class, %given) = @_;
	Load::build('load');
	my $refusal = Load::build('refusal') . '/bench_refusal';
	my $server = Server->new('bench', conf => \%CONF)->start;
	my $self = bless { %given, server => $server, kept => {}, faults => 0 }, $class;
	$server->create_database('bench', 'tixbook');
	$server->psql('bench', '-v', "refusal=$refusal", map { ('-f', "$HERE/setup/$_.sql") } qw(houses rows refusal));
	return $self;
}

sub sql { return $_[0]{server}->sql('bench', $_[1]) }

sub psql_variables { return (host => $_[0]{server}->socket, port => 5432, user => 'postgres', dbname => 'bench') }

# What several rounds share is made once.
sub keep
{
	my ($self, $name, $make) = @_;
	return $self->{kept}{$name} //= $make->();
}

sub machine
{
	my ($self) = @_;
	my $cpuinfo = slurp('/proc/cpuinfo');
	my @cores   = $cpuinfo =~ /^processor\s*:/mg;
	my ($model) = $cpuinfo =~ /^model name\s*:\s*(.*)$/m;
	my ($version) = split /,/, $self->sql('SELECT version()');
	return sprintf '%d cores, %s; %s; fsync %s, synchronous_commit %s; %d clients, %d rounds',
	  scalar(@cores), $model // 'unknown CPU', $version =~ s/ \(.*//r, $self->sql('SHOW fsync'),
	  $self->sql('SHOW synchronous_commit'), @$self{qw(clients rounds)};
}

# One round of one line: prepare, run, check.
sub run_line
{
	my ($self, $line, $seconds) = @_;
	my $given = $line->{prepare} ? $line->{prepare}->($self, $seconds) : {};
	$self->sql('CHECKPOINT');
	my @before = $self->counters;
	my $report = $self->load($line->{script} // $line->{name}, $given,
		seconds   => $seconds,
		'warm-up' => min($WARM_UP, $seconds),
		$self->options($line));
	my @after = $self->counters;
	my $calls = sum0(values %{ $report->{codes} });
	my $updates = $after[1] - $before[1];
	$report->{wal} = ($after[0] - $before[0]) / max(1, $calls);
	$report->{hot} = ($after[2] - $before[2]) / $updates if $updates;
	push @{ $line->{rounds} }, $report;
	return $self->check($line, $given, $report);
}

sub options
{
	my ($self, $line) = @_;
	my %options = map { $_ => $line->{$_} } grep { exists $line->{$_} } qw(clients expect touch);
	$options{clients} = $line->{clients}->($self, $line) if ref $line->{clients};
	return (%options, $line->{target} ? $line->{target}->($self) : ());
}

# Runs a script of lines/ to its end or for so many seconds.
sub load
{
	my ($self, $script, $given, %options) = @_;
	my %connection = $self->psql_variables;
	return Load::run($script, $given,
		postgres => join(' ', map { "$_=$connection{$_}" } sort keys %connection),
		clients  => $self->{clients},
		threads  => 2,
		%options);
}

# WAL written; updates of seat blocks, and how many of them were HOT.
sub counters
{
	my ($self) = @_;
	return split /\|/, $self->sql("SELECT pg_current_wal_lsn() - '0/0', n_tup_upd, n_tup_hot_upd
		FROM pg_stat_user_tables WHERE relid = 'tixbook.seat_block'::regclass");
}

# Every call ended as it should (the last ones before the end of the round, too), and the data are sound.
sub check
{
	my ($self, $line, $given, $report) = @_;
	my %fine = map { $_ => 1 } $line->{expect} // '00000', @{ $line->{allow} // [] };
	for my $code (sort grep { !$fine{$_} } keys %{ $report->{codes} })
	{
		$self->fault($line, "$report->{codes}{$code} calls ended with $code: $report->{messages}{$code}");
	}
	$self->fault($line, 'not one call ended well') if !$report->{rate};
	my $wrong =
	    $line->{check}   ? $self->sql($line->{check}->($self, $given) . ' LIMIT 10')
	  : $line->{verdict} ? $line->{verdict}->($self)
	  :                    '';
	$self->fault($line, $wrong) if $wrong ne '';
	return;
}

sub fault
{
	my ($self, $line, $what) = @_;
	say "WRONG: $line->{name}: $what";
	$self->{faults}++;
	return;
}

1;
