# A private PgBouncer before a server of ours: its own directory and unix socket, no TCP.  Its connections
# have what the clients execute prepared, since a client meets another one with each transaction.
package PgBouncer;
use v5.30;
use warnings;
use POSIX ();
use Harness qw(work_dir slurp spew);

my $PROGRAM = '/usr/sbin/pgbouncer';

my %running;

sub new
{
	my ($class, $name, %given) = @_;
	my $self = bless { base => work_dir() . "/$name" }, $class;
	mkdir $self->{base} or die "cannot make $self->{base}: $!\n";
	spew("$self->{base}/conf", <<~END);
		[databases]
		$given{database} = host=$given{socket} port=5432 user=postgres pool_size=$given{connections} connect_query='$given{prepare}'
		[pgbouncer]
		unix_socket_dir = $self->{base}
		listen_port = 5432
		auth_type = any
		pool_mode = transaction
		max_client_conn = 1000
		END
	my $pid = fork // die "cannot fork: $!\n";
	if (!$pid)
	{
		setpgrp;
		open STDIN,  '<',  '/dev/null';
		open STDOUT, '>>', "$self->{base}/log";
		open STDERR, '>&', \*STDOUT;
		exec $PROGRAM, "$self->{base}/conf" or POSIX::_exit(127);
	}
	$running{$pid} = $self->{pid} = $pid;
	for (1 .. 200)
	{
		return $self if -S "$self->{base}/.s.PGSQL.5432";
		last if waitpid($pid, POSIX::WNOHANG()) == $pid;
		select undef, undef, undef, 0.05;
	}
	die "PgBouncer did not start:\n" . slurp("$self->{base}/log");
}

sub socket { return $_[0]{base} }

my $owner = $$;

END
{
	if ($$ == $owner)
	{
		my $status = $?;
		for my $pid (keys %running) { kill 'KILL', $pid; waitpid $pid, 0 }
		$? = $status;
	}
}

1;
