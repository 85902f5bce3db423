# Whether the cost stays the same: at the end of a sale, with many events, under a snapshot that stays open.
package Groups::Flat;
use v5.30;
use warnings;
use Figures;
use Houses;

# Of 20,000 seats, 900 are sold in each arena: nearly the last twentieth of it, or the first.
my $ARENAS         = 400;
my $CALLS_AN_ARENA = 450;

my $EVENTS = 2_000;

# Until most pages have changed since the last checkpoint: their images are part of the first seconds only.
my $WARM_UP = 6;

# Ten events, and when 70 % of their 100,000 seats are sold, ten others.
my $CALLS_TO_TEN = 35_000;

my $SEATS = 1_000_000;

sub group
{
	return {
		name    => 'flat',
		title   => 'Does the cost of reserve stay the same?',
		seconds => Houses::seconds($SEATS),
		lines   => [
			{
				name    => 'arena_first',
				title   => 'the first 5 % of arenas of 20,000 seats',
				role    => 'reference',
				script  => 'reserve_arenas',
				touch   => 'touch_events',
				seconds => 4,
				warm    => 1,
				prepare => sub { return arenas(Houses::fresh_arenas($_[0], $ARENAS)) },
				on      => sub { return $_[0]->beside('arenas') },
				check   => \&Houses::verify_all
			},
			{
				name    => 'arena_last',
				title   => 'the last 5 % of them',
				script  => 'reserve_arenas',
				touch   => 'touch_events',
				seconds => 4,
				warm    => 1,
				prepare => sub { return arenas(Houses::nearly_sold_arenas($_[0], $ARENAS)) },
				on      => sub { return $_[0]->beside('arenas') },
				check   => \&Houses::verify_all,
				compare => [ arena_first => 0.8 ]
			},
			{
				name    => 'ten_events',
				title   => 'ten events of 10,000 seats on sale',
				role    => 'reference',
				touch   => 'touch_events',
				seconds => 8,
				warm    => $WARM_UP,
				prepare => \&ten_events,
				on      => sub { return $_[0]->beside('ten') },
				check   => \&Houses::verify_all
			},
			{
				name    => 'many_events',
				title   => '2,000 events of 10,000 seats on sale',
				touch   => 'touch_events',
				seconds => 8,
				warm    => $WARM_UP,
				prepare => \&many_events,
				on      => \&large_house,
				check   => \&Houses::verify_all,
				compare => [ ten_events => 0.9 ]
			},
			{
				name    => 'no_snapshot',
				title   => 'a million seats',
				role    => 'reference',
				script  => 'reserve',
				prepare => \&house,
				check   => \&Houses::verify
			},
			{
				name    => 'open_snapshot',
				title   => 'the same with a snapshot held open',
				script  => 'reserve',
				prepare => \&house,
				beside  => \&snapshot,
				check   => \&Houses::verify,
				compare => [ no_snapshot => 0.7 ]
			} ],
		figures => [ {
				name => 'snapshot',
				draw => Figures::over_time('reserve while a transaction holds a snapshot open', qw(open_snapshot no_snapshot)) } ]
	};
}

# 20 million seats in rows of 20 are more than fit into the cache as it is at first.
sub large_house { return $_[0]->beside('many', 'tixbook.cache_size' => '256MB') }

sub house { return { event => Houses::event($_[0], $SEATS, 100) } }

sub arenas { return { first => $_[0], last => $_[1], calls => $CALLS_AN_ARENA } }

sub ten_events
{
	my ($bench, $seconds) = @_;
	my $tens = 1 + int(($seconds + $WARM_UP) * $Houses::FASTEST / $CALLS_TO_TEN);
	my ($first, $last) = Houses::events($bench, 10_000, 20, 10 * $tens);
	return { first => $first, last => $last, tens => $tens, calls => $CALLS_TO_TEN };
}

sub many_events
{
	my ($bench) = @_;
	my $events = $bench->keep('events', sub { return [ Houses::events($bench, 10_000, 20, $EVENTS) ] });
	return { first => $events->[0], last => $events->[1] };
}

# As a backup or a report keeps one.
sub snapshot
{
	my ($bench) = @_;
	my $dbh = $bench->dbh;
	$dbh->do('BEGIN ISOLATION LEVEL REPEATABLE READ');
	$dbh->selectall_arrayref('SELECT count(*) FROM tixbook.event');
	return $dbh;
}

1;
