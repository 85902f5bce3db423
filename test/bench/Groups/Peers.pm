# Peers: how others sell the same house, one million seats in ten sections, two seats a call.
package Groups::Peers;
use v5.30;
use warnings;
use Figures;
use Houses;
use MariaDB;
use Redis;

my $SEATS   = 1_000_000;
my $SECTION = $SEATS / 10;

# MariaDB is at its best with few clients.
my @MARIADB_CLIENTS = (4, 8, 16, 32);
my $PROBE_SECONDS   = 8;

sub group
{
	return {
		name    => 'peers',
		title   => 'Peers: two seats a call, a million seats in ten sections',
		seconds => 20,
		lines   => [
			{
				name    => 'reserve',
				title   => 'reserve',
				seconds => Houses::seconds($SEATS),    # it would be sold out in 20
				prepare => \&house,
				check   => \&Houses::verify,
				compare => [ row_per_seat => 11, row_per_seat_first => undef, row_per_seat_mariadb => 11 ]
			},
			{
				name    => 'row_per_seat',
				title   => 'row per seat, PL/pgSQL',
				role    => 'peer',
				prepare => sub { prepare_rows($_[0], 0) },
				check   => \&check_rows
			},
			{
				name    => 'row_per_seat_first',
				title   => 'the same, where no seat was sold before',
				role    => 'peer',
				script  => 'row_per_seat',
				prepare => sub { prepare_rows($_[0], 1) },
				check   => \&check_rows
			},
			{
				name    => 'row_per_seat_mariadb',
				title   => 'row per seat, MariaDB',
				role    => 'peer',
				prepare => \&prepare_mariadb,
				clients => \&best_mariadb_clients,
				target  => \&mariadb_target,
				allow   => ['40001'],
				check   => \&check_mariadb,
				elsewhere => 1
			},
			{
				name    => 'reserve_confirm',
				title   => 'reserve, then confirm',
				prepare => \&house,
				check   => \&Houses::verify,
				compare => [ redis_always => 1, redis_everysec => undef ]
			},
			map {
				{
					name    => "redis_$_",
					title   => "Redis lock (fsync $_), then booking",
					role    => 'peer',
					script  => 'redis_book',
					prepare => prepare_redis($_),
					target  => redis_target($_),
					check   => \&check_tickets
				}
			} qw(always everysec) ],
		figures => [ {
				name => 'time',
				draw => Figures::over_time('How reserve and its peers hold their rate',
					qw(reserve row_per_seat row_per_seat_mariadb reserve_confirm redis_always)) } ]
	};
}

sub house { return { event => Houses::event($_[0], $SEATS, 100) } }

# Event 1, and from 0 on another one that is sold out.  Where no seat was ever sold the index of the free ones is no
# smaller than the key, and the planner may take the key, along all seats that are sold meanwhile.
sub prepare_rows
{
	my ($bench, $from) = @_;
	$bench->sql($_)
	  for 'TRUNCATE bench.seat, bench.hold, bench.booking',
	  "INSERT INTO bench.seat (event_id, section, seat_no, status)
	   SELECT e, i / $SECTION, i % $SECTION, CASE e WHEN 0 THEN 'sold' ELSE 'free' END
	   FROM generate_series($from, 1) e, generate_series(0, $SEATS - 1) i",
	  'VACUUM ANALYZE bench.seat';
	return { event => 1 };
}

# Each hold has two seats, and no seat is held without one.
my $WRONG_HOLDS = "SELECT h.booking_id, count(s.seat_no) FROM %s h
	LEFT JOIN %s s ON s.booking_id = h.booking_id AND s.status <> 'free'
	GROUP BY h.booking_id HAVING count(s.seat_no) <> 2
	UNION ALL
	SELECT s.booking_id, 1 FROM %2\$s s LEFT JOIN %1\$s h ON h.booking_id = s.booking_id
	WHERE s.status = 'held' AND h.booking_id IS NULL";

sub check_rows { return $_[0]->sql(sprintf "$WRONG_HOLDS LIMIT 10", 'bench.hold', 'bench.seat') }

sub mariadb { return $_[0]->keep('mariadb', sub { return MariaDB->new('mariadb') }) }

sub mariadb_target { return (kind => 'mariadb', socket => mariadb($_[0])->socket) }

sub prepare_mariadb
{
	my ($bench) = @_;
	my $mariadb = mariadb($bench);
	$mariadb->execute($_)
	  for 'TRUNCATE hold', 'TRUNCATE seat',
	  "INSERT INTO seat (event_id, section, seat_no)
	   SELECT 1, seq DIV $SECTION, seq MOD $SECTION FROM seq_0_to_@{[$SEATS - 1]}",
	  'ANALYZE TABLE seat';
	$mariadb->settle;
	return { event => 1 };
}

sub check_mariadb
{
	my ($bench) = @_;
	return mariadb($bench)->execute(sprintf("$WRONG_HOLDS LIMIT 10", 'hold', 'seat'));
}

# Tried once, each on a house that is new.
sub best_mariadb_clients
{
	my ($bench, $line) = @_;
	my $try = sub {
		my ($clients) = @_;
		my $given = prepare_mariadb($bench);
		return $bench->load($line->{name}, $given, mariadb_target($bench), clients => $clients, seconds => $PROBE_SECONDS)->{rate};
	};
	return $bench->keep('mariadb clients', sub {
		my %rate = map { $_ => $try->($_) } @MARIADB_CLIENTS;
		my ($best) = sort { $rate{$b} <=> $rate{$a} } @MARIADB_CLIENTS;
		say "$line->{name}, calls/s in the first $PROBE_SECONDS s: ", join ', ', map { "$_ clients " . int $rate{$_} } @MARIADB_CLIENTS;
		$line->{title} .= ", $best clients";
		return $best;
	});
}

sub redis
{
	my ($bench, $fsync) = @_;
	return $bench->keep("redis $fsync", sub { return Redis->new("redis_$fsync", $fsync) });
}

sub redis_target
{
	my ($fsync) = @_;
	return sub { return (kind => 'redis', socket => redis($_[0], $fsync)->socket) };
}

sub prepare_redis
{
	my ($fsync) = @_;
	return sub {
		my ($bench) = @_;
		redis($bench, $fsync)->command('FLUSHALL');
		$bench->sql('TRUNCATE bench.sale, bench.ticket');
		return { event => 1, sections => 10, seats => $SECTION };
	};
}

# Each sale has two tickets; that no seat has two is seen to by a key, and would have ended a call badly.
sub check_tickets
{
	my ($bench) = @_;
	return $bench->sql('SELECT s.booking_id, count(t.seat_no) FROM bench.sale s LEFT JOIN bench.ticket t USING (booking_id)
		GROUP BY s.booking_id HAVING count(t.seat_no) <> 2 LIMIT 10');
}

1;
