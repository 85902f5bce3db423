# A private PostgreSQL server: its own data directory and unix socket, no TCP, durable unless told otherwise.
# It ends with the script that made it.
package Server;
use v5.30;
use warnings;
use POSIX ();
use Harness qw(work_dir bin_dir spew slurp run_program);

my %running;

my %DEFAULTS = (
	listen_addresses         => '',
	shared_preload_libraries => 'tixbook',
	max_connections          => 200,
	shared_buffers           => '512MB',
	max_wal_size             => '4GB',
	fsync                    => 'on',
	synchronous_commit       => 'on',
	full_page_writes         => 'on',
	logging_collector        => 'off',
	log_line_prefix          => '%m [%p] %d %a ',
	timezone                 => 'UTC');

sub new
{
	my ($class, $name, %options) = @_;
	my $self = bless {
		name   => $name,
		bindir => bin_dir(),
		env    => {},
		launch => [],
		base   => work_dir() . "/$name"
	}, $class;
	mkdir $self->{base} or die "cannot make $self->{base}: $!\n";
	run_program("$self->{bindir}/initdb", '-D', $self->data, qw(-A trust -N -U postgres -E UTF8 --locale=C.UTF-8));
	$self->configure(%DEFAULTS, unix_socket_directories => $self->socket);
	return $self->become(%options);
}

# For the next start: other programs (bindir), under a tool (launch), with an environment (env), settings (conf).
sub become
{
	my ($self, %options) = @_;
	$self->configure(%{ $options{conf} // {} });
	$self->{$_} = $options{$_} // $self->{$_} for qw(bindir launch env);
	return $self;
}

sub data { return $_[0]{base} . '/data' }
sub socket { return $_[0]{base} }
sub log_file { return $_[0]{base} . '/log' }

sub dsn
{
	my ($self, $database, $user) = @_;
	return sprintf 'dbi:Pg:dbname=%s;host=%s;port=5432;user=%s', $database, $self->socket, $user // 'postgres';
}

sub configure
{
	my ($self, %conf) = @_;
	open my $out, '>>', $self->data . '/postgresql.conf' or die "cannot write postgresql.conf: $!\n";
	print {$out} "$_ = '$conf{$_}'\n" for sort keys %conf;
	close $out or die "cannot write postgresql.conf: $!\n";
	return;
}

# The server is our child, so that no signal or exit of it goes unseen.
sub start
{
	my ($self) = @_;
	my $pid = fork // die "cannot fork: $!\n";
	if (!$pid)
	{
		setpgrp;    # an interrupt at the terminal is for the script, which then stops the server
		open STDIN,  '<',  '/dev/null';
		open STDOUT, '>>', $self->log_file;
		open STDERR, '>&', \*STDOUT;
		local %ENV = (%ENV, %{ $self->{env} });
		exec @{ $self->{launch} }, "$self->{bindir}/postgres", '-D', $self->data or POSIX::_exit(127);
	}
	$running{$pid} = $self->{pid} = $pid;
	$self->wait_until_ready;
	return $self;
}

sub wait_until_ready
{
	my ($self) = @_;
	for (1 .. 1200)
	{
		return if !system "$self->{bindir}/pg_isready", '-q', '-h', $self->socket;
		last if waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid};
		select undef, undef, undef, 0.1;
	}
	die "server $self->{name} did not start:\n" . slurp($self->log_file);
}

# False when the server had died before.
sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid} // return;
	delete $running{$pid};
	kill 'INT', $pid;
	return waitpid($pid, 0) == $pid && $? == 0;
}

sub connect_command { return "$_[0]{bindir}/psql -h " . $_[0]->socket . " -U postgres $_[1]" }

sub stop_command { return "kill -INT $_[0]{pid}; rm -rf " . work_dir() }

# A KEEP run leaves it up: it must outlive the script.
sub leave_up { delete $running{ $_[0]{pid} }; return }

sub psql
{
	my ($self, $database, @arguments) = @_;
	local $ENV{PGOPTIONS} = '-c client_min_messages=warning';
	my $output = run_program("$self->{bindir}/psql", qw(-X -q -A -t -v ON_ERROR_STOP=1 -h), $self->socket,
		qw(-U postgres -d), $database, @arguments);
	chomp $output;
	return $output;
}

sub sql { return $_[0]->psql($_[1], '-c', $_[2]) }

sub create_database
{
	my ($self, $database, @extensions) = @_;
	$self->sql('postgres', qq{CREATE DATABASE "$database"});
	$self->sql($database, "CREATE EXTENSION $_ CASCADE") for @extensions;
	return;
}

# At once; data and all are thrown away.
sub end_server
{
	my ($pid) = @_;
	kill 'QUIT', $pid;
	for (1 .. 200)
	{
		return if waitpid($pid, POSIX::WNOHANG()) == $pid;
		select undef, undef, undef, 0.05;
	}
	kill 'KILL', $pid;
	waitpid $pid, 0;
	return;
}

$SIG{INT} = $SIG{TERM} = sub { exit 130 };

my $owner = $$;

END
{
	if ($$ == $owner)
	{
		my $status = $?;
		end_server($_) for keys %running;
		$? = $status;
	}
}

1;
