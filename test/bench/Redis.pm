# A private Redis server.
package Redis;
use v5.30;
use warnings;
use parent 'Daemon';
use Harness 'run_program';

# Debian keeps the server's program under this name, whether or not its service is installed; which
# of its two jobs it does goes by the name it is started with.
my $PROGRAM = '/usr/bin/redis-check-rdb';

# fsync: always (each command is on disk before its answer) or everysec.
sub new
{
	my ($class, $name, $fsync) = @_;
	my $self  = $class->SUPER::new($name);
	my $ready = sub { -S $self->socket && eval { $self->command('PING') eq 'PONG' } };
	return $self->launch($ready, $PROGRAM, 'redis-server', qw(--port 0 --save), '', '--unixsocket', $self->socket,
		qw(--appendonly yes --auto-aof-rewrite-percentage 0 --appendfsync), $fsync);
}

sub socket { return $_[0]{base} . '/socket' }

sub command
{
	my ($self, @words) = @_;
	my $output = run_program('redis-cli', '-s', $self->socket, @words);
	chomp $output;
	return $output;
}

1;
