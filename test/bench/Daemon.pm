# A server of another kind: private, in a directory of its own, without TCP; it ends with the script that started it.
package Daemon;
use v5.30;
use warnings;
use POSIX ();
use Harness qw(work_dir slurp);

my %running;

# Makes the directory.
sub new
{
	my ($class, $name) = @_;
	my $self = bless { base => work_dir() . "/$name" }, $class;
	mkdir $self->{base} or die "cannot make $self->{base}: $!\n";
	return $self;
}

# Starts a program under the name that the command begins with, and waits until it is ready, at most a minute.
sub launch
{
	my ($self, $ready, $program, @command) = @_;
	my $pid = fork // die "cannot fork: $!\n";
	if (!$pid)
	{
		setpgrp;
		chdir $self->{base} or POSIX::_exit(127);
		open STDIN,  '<',  '/dev/null';
		open STDOUT, '>>', "$self->{base}/log";
		open STDERR, '>&', \*STDOUT;
		exec {$program} @command or POSIX::_exit(127);
	}
	$running{$pid} = 1;
	for (1 .. 1200)
	{
		return $self if $ready->();
		last if waitpid($pid, POSIX::WNOHANG()) == $pid;
		select undef, undef, undef, 0.05;
	}
	die "$program did not start:\n" . slurp("$self->{base}/log");
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
