# A private MariaDB server, as durable as ours.
package MariaDB;
use v5.30;
use warnings;
use parent 'Daemon';
use Harness 'run_program';

my $HERE = $INC{'MariaDB.pm'} =~ s{/[^/]*$}{}r;

# As much memory and log as the PostgreSQL server has; each commit is flushed, and there is no second
# log to flush.
my @SETTINGS = qw(
  --skip-networking --skip-log-bin
  --innodb-flush-log-at-trx-commit=1 --innodb-doublewrite=ON
  --innodb-buffer-pool-size=1G --innodb-log-file-size=4G --innodb-io-capacity=2000
  --transaction-isolation=READ-COMMITTED --max-connections=100);

sub new
{
	my ($class, $name) = @_;
	my $self = $class->SUPER::new($name);
	run_program(qw(mariadb-install-db --no-defaults --auth-root-authentication-method=normal --skip-test-db),
		'--datadir=' . $self->data);
	$self->start;
	$self->execute('CREATE DATABASE bench', 'mysql');
	$self->execute("source $HERE/setup/rows.mariadb.sql");
	return $self;
}

sub data { return $_[0]{base} . '/data' }
sub socket { return $_[0]{base} . '/socket' }

sub start
{
	my ($self) = @_;
	my $program = '/usr/sbin/mariadbd';
	my $ready   = sub { -S $self->socket && eval { $self->execute('SELECT 1', 'mysql') } };
	return $self->launch($ready, $program, $program, '--no-defaults', '--datadir=' . $self->data,
		'--socket=' . $self->socket, "--pid-file=$self->{base}/pid", @SETTINGS);
}

# Waits until nothing is left to purge or to write of what was done before, as a checkpoint does.
sub settle
{
	my ($self) = @_;
	$self->execute('SET GLOBAL innodb_max_dirty_pages_pct = 0');
	for (1 .. 600)
	{
		my %status = map { split /\t/ } split /\n/, $self->execute("SHOW GLOBAL STATUS WHERE Variable_name IN
			('Innodb_buffer_pool_pages_dirty', 'Innodb_history_list_length')");
		last if $status{Innodb_buffer_pool_pages_dirty} < 100 && $status{Innodb_history_list_length} < 100;
		select undef, undef, undef, 0.1;
	}
	$self->execute('SET GLOBAL innodb_max_dirty_pages_pct = 90');
	return;
}

# Rows as lines, columns parted by tabs.
sub execute
{
	my ($self, $sql, $database) = @_;
	my $output = run_program(qw(mariadb --no-defaults --batch --skip-column-names --user=root),
		'--socket=' . $self->socket, '--execute', $sql, $database // 'bench');
	chomp $output;
	return $output;
}

1;
