# Winners: calls that take seats and commit.
package Groups::Winners;
use v5.30;
use warnings;
use List::Util 'min';
use Houses;
use PgBouncer;

my $SEATS = 1_000_000;

sub group
{
	return {
		name    => 'winners',
		title   => 'Two seats a call, in ten sections',
		seconds => Houses::seconds($SEATS),
		lines   => [
			{ name => 'insert', title => 'one-row durable INSERT', role => 'reference' },
			# What the server itself loses to more clients than cores, to read the next but one by.
			{
				name    => 'insert_200',
				title   => 'one-row durable INSERT, 200 clients',
				script  => 'insert',
				role    => 'reference',
				clients => 200,
				compare => [ insert => undef ]
			},
			{
				name    => 'reserve',
				title   => 'reserve, rows of 100',
				prepare => house(100),
				again   => 'insert',
				check   => \&Houses::verify,
				compare => [ insert => 0.75 ]
			},
			{
				name    => 'reserve_200',
				title   => 'reserve, 200 clients',
				script  => 'reserve',
				clients => 200,
				prepare => house(100),
				check   => \&Houses::verify,
				compare => [ reserve => 0.9, insert_200 => undef ]
			},
			# What a pool before the server makes of that.
			{
				name    => 'reserve_pooled',
				title   => 'reserve through PgBouncer, 32 clients',
				prepare => house(100),
				target  => \&pooled,
				check   => \&Houses::verify,
				compare => [ reserve => undef ]
			},
			{
				name    => 'reserve_pooled_200',
				title   => 'reserve through PgBouncer, 200 clients',
				script  => 'reserve_pooled',
				clients => 200,
				prepare => house(100),
				target  => \&pooled,
				check   => \&Houses::verify,
				compare => [ reserve_pooled => 0.9, reserve_200 => undef ]
			},
			# Without any pool each call starts a process, which learns the event and its venue first.
			{
				name    => 'insert_unpooled',
				title   => 'one-row durable INSERT, a connection for each',
				role    => 'reference',
				compare => [ insert => undef ]
			},
			{
				name    => 'reserve_unpooled',
				title   => 'reserve in an arena of 20,000, a connection for each',
				prepare => \&arena,
				check   => \&Houses::verify,
				compare => [ insert_unpooled => undef ]
			},
			{
				name    => 'reserve_rows_of_20',
				title   => 'reserve, rows of 20',
				script  => 'reserve',
				prepare => house(20),
				check   => \&Houses::verify,
				compare => [ insert => undef ]
			},
			{
				name    => 'reserve_with_key',
				title   => 'reserve with customer and idempotency key',
				prepare => house(100),
				check   => \&Houses::verify,
				compare => [ insert => undef ]
			},
			{
				name    => 'confirm',
				title   => 'confirm, two tickets',
				prepare => \&prepare_holds,
				again   => 'insert',
				check   => \&Houses::verify,
				compare => [ insert => 0.6 ]
			} ]
	};
}

# A new event for each round.
sub house
{
	my ($row_length) = @_;
	return sub { return { event => Houses::event($_[0], $SEATS, $row_length) } };
}

# Sold out sooner than a round is over only by a machine that starts a thousand processes a second.
sub arena { return { event => Houses::arena($_[0]) } }

# Few connections, but more than cores, since most of them wait for a disk.
my $CONNECTIONS = 16;

sub pooled
{
	my ($bench) = @_;
	my $pool = $bench->keep('pool', sub {
		return PgBouncer->new('pool',
			socket      => $bench->{server}->socket,
			database    => 'bench',
			connections => $CONNECTIONS,
			prepare     => 'PREPARE reserve (integer, integer, text) AS SELECT tixbook.reserve($1, $2, $3)');
	});
	return (postgres => "host=@{[$pool->socket]} port=5432 user=postgres dbname=bench");
}

# More holds than the round can confirm.
sub prepare_holds
{
	my ($bench, $seconds) = @_;
	my $given = house(100)->($bench);
	$bench->load('reserve', $given, calls => min($SEATS * 0.45, $Houses::FASTEST * ($seconds + 2)), seconds => 300);
	$bench->sql('VACUUM ANALYZE tixbook.booking');
	return $given;
}

1;
