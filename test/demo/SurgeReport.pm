# What the surge came to: that all is sold and the rules were kept, and how it went over time.
package SurgeReport;
use v5.30;
use warnings;
use List::Util qw(max sum0);
use Figure;
use Report;
use Harness qw(commify);

# A draw that is fair exceeds it once in a million times (nine degrees of freedom).
my $CHI_SQUARE_LIMIT = 45;

# Prints it and returns what was wrong.
sub print_report
{
	my ($surge) = @_;
	my @faults = @{ $surge->{faults} };
	print "\n";
	print_crowd($surge, \@faults);
	print_odds($surge, \@faults);
	print_queue($surge, \@faults);
	print_sale($surge, \@faults);
	return @faults;
}

sub row { my ($surge, $query) = @_; return $surge->{dbh}->selectrow_array($query =~ s/EVENT/$surge->{event}/gr) }

sub print_crowd
{
	my ($surge, $faults) = @_;
	my %total = %{ $surge->{total} };
	my ($entries, $drawn) = row($surge, "SELECT s.last_value + 1, r.drawn FROM tixbook.waiting_room_entry_EVENT_seq s, tixbook.waiting_room r WHERE r.event_id = EVENT");
	printf "surge         %s joined, %s in time for the draw; %s looks at the queue\n", map { commify($_) } $entries, $drawn, $total{looks};
	printf "bots          %s of them tried to join %s times more, and have one entry each\n", map { commify($_ // 0) } @total{qw(bots tries)};
	push @$faults, "$entries entries for @{[sum0(@total{qw(fans bots)})]} who joined" if $entries != sum0(@total{qw(fans bots)});
	return;
}

# Bots and early joiners stand where chance puts them.
sub print_odds
{
	my ($surge, $faults) = @_;
	my $tenths = $surge->{tenths};
	my $drawn = sum0(map { $_->[2] } @$tenths);
	my %who = (bots => 1, 'the first to join' => 3);
	for my $name (sort keys %who)
	{
		my $all = sum0(map { $_->[ $who{$name} ] } @$tenths);
		my $chi_square = sum0(map { my $due = $all * $_->[2] / $drawn; ($_->[ $who{$name} ] - $due)**2 / ($due * (1 - $all / $drawn)) } @$tenths);
		printf "odds          %s are %.1f %% of the draw and %.1f %% of its first tenth; chi-square %.1f\n",
		  $name, 100 * $all / $drawn, 100 * $tenths->[0][ $who{$name} ] / $tenths->[0][2], $chi_square;
		push @$faults, "the draw was not fair to or for $name" if $chi_square > $CHI_SQUARE_LIMIT;
	}
	return;
}

sub print_queue
{
	my ($surge, $faults) = @_;
	my ($let_in, $came, $out_of_turn) = row($surge, 'SELECT p.fans, count(s), count(*) FILTER (WHERE s.place >= p.admitted)
		FROM tixbook.waiting_room_pointer p LEFT JOIN tixbook.waiting_room_session s USING (event_id) WHERE event_id = EVENT GROUP BY p.fans');
	my ($at_once) = row($surge, 'SELECT max(at_once) FROM (SELECT sum(change) OVER (ORDER BY at, change) AS at_once FROM
		(SELECT started_at AS at, 1 AS change FROM tixbook.waiting_room_session WHERE event_id = EVENT
		 UNION ALL SELECT session_ends, -1 FROM tixbook.waiting_room_session WHERE event_id = EVENT) AS changes) AS s');
	printf "queue         %s let in, %s came, at most %s at once (%s may); nobody was overtaken\n", map { commify($_) } $let_in, $came, $at_once, $surge->{most};
	push @$faults, "$at_once sessions at once" if $at_once > $surge->{most};
	push @$faults, "$out_of_turn came before their turn" if $out_of_turn;
	return;
}

sub print_sale
{
	my ($surge, $faults) = @_;
	my ($sold, $bookings) = row($surge, "SELECT (SELECT count(*) FROM tixbook.ticket WHERE event_id = EVENT),
		(SELECT count(*) FROM tixbook.booking WHERE event_id = EVENT AND status = 'confirmed')");
	my @violations = $surge->{dbh}->selectrow_array('SELECT law, detail FROM tixbook.verify(?::integer)', undef, $surge->{event});
	my %total = %{ $surge->{total} };
	printf "sold          %s of %s tickets in %s bookings, %.0f s after the start\n", (map { commify($_) } $sold, $surge->{capacity}, $bookings), $surge->{samples}[-1]{second};
	printf "refused       %s\n", join(', ', map { s/refused //r . " $total{$_}" } grep { /^refused/ } sort keys %total) || 'nothing';
	Report::print_realtime($surge, $faults);
	printf "violations    %d\n", @violations ? 1 : 0;
	push @$faults, "$sold of $surge->{capacity} tickets were sold" if $sold != $surge->{capacity};
	push @$faults, "verify: @violations" if @violations;
	return;
}

# Arrivals, waiting, let in and sold, over time.
sub drawing
{
	my ($surge) = @_;
	my $curve = sub { my ($name, $value) = @_; return { name => $name, points => [ map { [ $_->{second}, $value->($_) ] } @{ $surge->{samples} } ] } };
	return Figure::curves(sprintf('%s fans and %s tickets', map { commify($_) } @$surge{qw(fans capacity)}),
		'people, and tickets; the draw is at second 0', 'seconds from the start of the sale', '',
		$curve->('have joined', sub { $_[0]{joined} }),
		$curve->('wait', sub { $_[0]{joined} - $_[0]{let_in} }),
		$curve->('were let in', sub { $_[0]{let_in} }),
		$curve->('tickets sold', sub { $_[0]{sold} }),
		$curve->('may choose now', sub { $_[0]{active} }));
}

1;
