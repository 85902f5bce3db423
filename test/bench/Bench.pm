# The private server that is measured.
package Bench;
use v5.30;
use warnings;
use DBI;
use Harness qw(setting slurp);
use Load;
use Server;

my $HERE = $INC{'Bench.pm'} =~ s{/[^/]*$}{}r;

# Refusals by the ten thousand a second are not for the log, and no checkpoint comes in the midst of a round.
my %CONF = (
	max_connections    => 260,
	shared_buffers     => '1GB',
	max_wal_size       => '16GB',
	checkpoint_timeout => '30min',
	log_min_messages   => 'fatal');

sub new
{
	my ($class, %given) = @_;
	Load::build('load');
	my $self = bless {
		scheduling => setting('SCHEDULING', 'other'),    # a policy of chrt's without priorities: other or batch
		refusal    => Load::build('refusal') . '/bench_refusal',
		%given
	}, $class;
	return $self->open('bench');
}

sub open
{
	my ($self, $name, %conf) = @_;
	my $server = Server->new($name, conf => { %CONF, %conf }, launch => [ 'chrt', "--$self->{scheduling}", 0 ])->start;
	$server->create_database('bench', 'tixbook');
	$server->psql('bench', '-v', "refusal=$self->{refusal}", map { ('-f', "$HERE/setup/$_.sql") } qw(houses rows refusal));
	@$self{qw(server kept)} = ($server, {});
	return $self;
}

# A second server, with settings of its own, for what would disturb or be disturbed.
sub beside
{
	my ($self, $name, %conf) = @_;
	return $self->keep("server $name", sub { return bless({%$self}, ref $self)->open($name, %conf) });
}

sub sql { return $_[0]{server}->sql('bench', $_[1]) }

sub dbh
{
	my ($self) = @_;
	return DBI->connect($self->{server}->dsn('bench'), undef, undef, { RaiseError => 1, PrintError => 0 });
}

# What several rounds share is made once.
sub keep
{
	my ($self, $name, $make) = @_;
	return $self->{kept}{$name} //= $make->();
}

# Runs a script of lines/ to its end, or for so many seconds, and returns the report.
sub load { return Load::finish(start_load(@_)) }

sub start_load
{
	my ($self, $script, $given, %options) = @_;
	return Load::start($script, $given,
		postgres => 'host=' . $self->{server}->socket . ' port=5432 user=postgres dbname=bench',
		clients  => $self->{clients},
		threads  => 2,
		%options);
}

my $faults = 0;

sub fault
{
	my ($self, $what) = @_;
	say "WRONG: $what";
	$faults++;
	return;
}

sub faults { return $faults }

sub machine
{
	my ($self) = @_;
	my $cpuinfo = slurp('/proc/cpuinfo');
	my @cores   = $cpuinfo =~ /^processor\s*:/mg;
	my ($model) = $cpuinfo =~ /^model name\s*:\s*(.*)$/m;
	my ($version) = split /,/, $self->sql('SELECT version()');
	my ($huge) = slurp('/proc/meminfo') =~ /^HugePages_Total:\s*(\d+)/m;
	return sprintf '%d cores, %s; %s; %s huge pages; scheduling %s; fsync %s, synchronous_commit %s; %d clients, %d rounds',
	  scalar(@cores), $model // 'unknown CPU', $version =~ s/ \(.*//r, $huge || 'no', $self->{scheduling},
	  $self->sql('SHOW fsync'),
	  $self->sql('SHOW synchronous_commit'), @$self{qw(clients rounds)};
}

1;
