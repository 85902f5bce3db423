# A private PgBouncer before a server of ours.  Its connections have what the clients execute prepared, since a
# client meets another one with each transaction.
package PgBouncer;
use v5.30;
use warnings;
use parent 'Daemon';
use Harness 'spew';

my $PROGRAM = '/usr/sbin/pgbouncer';

sub new
{
	my ($class, $name, %given) = @_;
	my $self = $class->SUPER::new($name);
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
	return $self->launch(sub { -S "$self->{base}/.s.PGSQL.5432" }, $PROGRAM, $PROGRAM, "$self->{base}/conf");
}

sub socket { return $_[0]{base} }

1;
