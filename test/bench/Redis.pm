# A private Redis server: its own directory and unix socket, no TCP.
package Redis;
use v5.30;
use warnings;
use POSIX ();
use Harness qw(work_dir slurp run_program);

# Debian keeps the server's program under this name, whether or not its service is installed; which
# of its two jobs it does goes by the name it is started with.
my $PROGRAM = '/usr/bin/redis-check-rdb';

my %running;

# fsync: always (each command is on disk before its answer) or everysec.
sub new
{
	my ($class, $name, $fsync) = @_;
	my $self = bless { base => work_dir() . "/$name" }, $class;
	mkdir $self->{base} or die "cannot make $self->{base}: $!\n";
	my $pid = fork // die "cannot fork: $!\n";
	if (!$pid)
	{
		setpgrp;
		chdir $self->{base} or POSIX::_exit(127);
		open STDIN,  '<',  '/dev/null';
		open STDOUT, '>>', "$self->{base}/log";
		open STDERR, '>&', \*STDOUT;
		exec {$PROGRAM} 'redis-server', qw(--port 0 --save), '', '--unixsocket', $self->socket,
		  qw(--appendonly yes --auto-aof-rewrite-percentage 0 --appendfsync), $fsync
		  or POSIX::_exit(127);
	}
	$running{$pid} = $self->{pid} = $pid;
	for (1 .. 200)
	{
		return $self if -S $self->socket && eval { $self->command('PING') eq 'PONG' };
		last if waitpid($pid, POSIX::WNOHANG()) == $pid;
		select undef, undef, undef, 0.05;
	}
	die "Redis did not start:\n" . slurp("$self->{base}/log");
}

sub socket { return $_[0]{base} . '/socket' }

sub command
{
	my ($self, @words) = @_;
	my $output = run_program('redis-cli', '-s', $self->socket, @words);
	chomp $output;
	return $output;
}

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
