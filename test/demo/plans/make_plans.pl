#!/usr/bin/perl
# Writes the demo's seating plans beside itself: theatre.json, arena.json (the
# pretix seating-plan format) and theatre.beside.json, arena.beside.json (what
# that format cannot hold, as import_seating_plan takes it). Same output always.
use strict;
use warnings;
use File::Basename qw(dirname);
use JSON::PP;

use constant PI => 4 * atan2(1, 1);

my $json = JSON::PP->new->canonical->ascii;

sub tenths { return 0 + sprintf('%.1f', $_[0]) || 0 }
sub point { return { x => tenths($_[0]), y => tenths($_[1]) } }

sub write_file
{
	my ($name, $text) = @_;
	my $path = dirname(__FILE__) . "/$name";
	open my $file, '>', $path or die "$path: $!";
	print $file $text;
	close $file or die "$path: $!";
}

# One row a line, so that a plan can be read and compared.
sub write_plan
{
	my ($file, $plan) = @_;
	my @zones;
	for my $zone (@{ $plan->{zones} })
	{
		my $rows = join ",\n", map { $json->encode($_) } @{ $zone->{rows} };
		my $rest = $json->encode({ map { $_ => $zone->{$_} } grep { $_ ne 'rows' } keys %$zone });
		push @zones, substr($rest, 0, -1) . qq(,"rows":[\n$rows]});
	}
	my $head = $json->encode({ map { $_ => $plan->{$_} } grep { $_ ne 'zones' } keys %$plan });
	write_file($file, substr($head, 0, -1) . qq(,"zones":[\n) . join(",\n", @zones) . "]}\n");
}

# A row of seats at absolute points, in a zone at the origin.
sub row
{
	my ($zone_id, $number, $seats, %extra) = @_;
	my ($x0, $y0) = (tenths($seats->[0]{x}), tenths($seats->[0]{y}));
	my $count = 0;
	return {
		row_number => "$number",
		position   => point($x0, $y0),
		%extra,
		seats => [
			map { {
				seat_guid   => join('-', $zone_id, $number, ++$count),
				seat_number => "$count",
				position    => point($_->{x} - $x0, $_->{y} - $y0),
				category    => $_->{category} } } @$seats ] };
}

sub zone
{
	my ($id, $name, $rows, $areas) = @_;
	return { zone_id => $id, name => $name, position => { x => 0, y => 0 },
		rows => $rows, areas => $areas || [] };
}

sub polygon
{
	my ($color, $border, $text, @points) = @_;
	my ($x0, $y0) = @{ $points[0] };
	my $area = { shape => 'polygon', position => point($x0, $y0), color => $color, border_color => $border,
		polygon => { points => [ map { point($_->[0] - $x0, $_->[1] - $y0) } @points ] } };
	$area->{text} = { %$text, position => point($text->{x} - $x0, $text->{y} - $y0) } if $text;
	delete @{ $area->{text} }{qw(x y)} if $text;
	return $area;
}

# --- The theatre: rows are arcs about a point behind the stage.

my ($MIDDLE, $BEHIND) = (700, -240);

# Runs of seats on an arc with an aisle between two runs; the arc is centred.
sub arc
{
	my ($radius, $spacing, $aisle, @runs) = @_;
	my $length = $aisle * (@runs - 1);
	$length += $spacing * ($_->{seats} - 1) for @runs;
	my ($at, @seats) = (-$length / 2);
	for my $run (@runs)
	{
		for my $seat (1 .. $run->{seats})
		{
			my $angle = $at / $radius;
			push @seats, { x => $MIDDLE + $radius * sin $angle,
				y => $BEHIND + $radius * cos $angle, category => $run->{category} };
			$at += $spacing;
		}
		$at += $aisle - $spacing;
	}
	return \@seats;
}

my @LETTERS = grep { !/[IO]/ } 'A' .. 'Z';

sub stalls_rows
{
	my @rows;
	for my $i (0 .. 18)
	{
		my ($middle, $side) = (12 + int($i / 3), 7 + int($i / 3));
		my ($best, $beside) = $i < 7 ? ('Premium', 'Stalls') : ('Stalls', $i < 15 ? 'Stalls' : 'Rear stalls');
		$best = 'Rear stalls' if $i >= 15;
		push @rows, row('S', $LETTERS[$i], arc(520 + 27 * $i, 24, 58,
			{ seats => $side, category => $beside }, { seats => $middle, category => $best },
			{ seats => $side, category => $beside }), row_number_position => 'both');
	}
	return \@rows;
}

sub balcony_rows
{
	my @rows;
	for my $i (0 .. 7)
	{
		my $category = $i < 3 ? 'Balcony front' : 'Balcony';
		my @runs = map { { seats => $_, category => $category } } (10 + $i % 2, 14, 14, 10 + $i % 2);
		push @rows, row('B', $LETTERS[$i], arc(1120 + 28 * $i, 24, 60, @runs), row_number_position => 'both');
	}
	return \@rows;
}

# Boxes of four chairs stand along the side walls, beside the ends of the stalls' rows.
sub box_rows
{
	my ($id, $side, $stalls) = @_;
	my @rows;
	for my $i (0 .. 6)
	{
		my $beside = $stalls->[ 1 + 2 * $i ];
		my $end = $beside->{seats}[ $side < 0 ? 0 : -1 ]{position};
		my ($x, $y) = ($beside->{position}{x} + $end->{x} + 88 * $side, $beside->{position}{y} + $end->{y} - 34);
		my @seats = map { { x => $x + $side * 22 * ($_ % 2), y => $y + 22 * int($_ / 2), category => 'Boxes' } } 0 .. 3;
		push @rows, row($id, $i + 1, \@seats, row_label => 'Box %s');
	}
	return \@rows;
}

sub theatre
{
	my $stage = polygon('#374151', '#111827',
		{ text => 'STAGE', size => 30, color => '#ffffff', x => $MIDDLE, y => 115 },
		[ 400, 30 ], [ 1000, 30 ], [ 950, 140 ], [ 850, 190 ], [ 700, 222 ], [ 550, 190 ], [ 450, 140 ]);
	my $stalls = stalls_rows();
	my @boxes = map { box_rows(@$_, $stalls) } [ 'BL', -1 ], [ 'BR', 1 ];
	return { name => 'Grand Theatre', size => { width => 1400, height => 1160 },
		categories => [
			{ name => 'Premium', color => '#b4232a' }, { name => 'Stalls', color => '#d97706' },
			{ name => 'Rear stalls', color => '#ca9a04' }, { name => 'Boxes', color => '#7c3aed' },
			{ name => 'Balcony front', color => '#0f766e' }, { name => 'Balcony', color => '#2563eb' } ],
		zones => [
			zone('S', 'Stalls', $stalls, [$stage]),
			zone('BL', 'Boxes left', $boxes[0]),
			zone('BR', 'Boxes right', $boxes[1]),
			zone('B', 'Balcony', balcony_rows()) ] };
}

# --- The arena: a horseshoe of two tiers about a floor, its stage at the top.

my ($CENTRE, $TOP, $STRAIGHT) = (1250, 240, 1120);

# The point at a distance along the horseshoe of this radius, from its left end.
sub horseshoe
{
	my ($radius, $at) = @_;
	return ($CENTRE - $radius, $TOP + $at) if $at <= $STRAIGHT;
	my $angle = ($at - $STRAIGHT) / $radius;
	return ($CENTRE - $radius * cos $angle, $TOP + $STRAIGHT + $radius * sin $angle) if $angle <= PI;
	return ($CENTRE + $radius, $TOP + 2 * $STRAIGHT + PI * $radius - $at);
}

# The two ends of a sector's row: the straights and the bend have sectors of their own.
sub sector
{
	my ($radius, $number, $straight, $bend) = @_;
	my @ends = map { $STRAIGHT * $_ / $straight } 0 .. $straight;
	push @ends, map { $STRAIGHT + PI * $radius * $_ / $bend } 1 .. $bend;
	push @ends, map { $STRAIGHT + PI * $radius + $STRAIGHT * $_ / $straight } 1 .. $straight;
	return @ends[ $number - 1, $number ];
}

sub tier_zone
{
	my ($tier, $number) = @_;
	my $id = $tier->{first} + $number;
	my @rows;
	for my $i (0 .. $tier->{rows} - 1)
	{
		my $radius = $tier->{radius} + $tier->{pitch} * $i;
		my ($from, $to) = sector($radius, $number, $tier->{straight}, $tier->{bend});
		my $count = int(($to - $from - 20) / 12.5);
		my $start = ($from + $to - 12.5 * ($count - 1)) / 2;
		my @seats = map {
			my ($x, $y) = horseshoe($radius, $start + 12.5 * $_);
			{ x => $x, y => $y, category => $tier->{category}->($number, $i) } } 0 .. $count - 1;
		push @rows, row($id, $i + 1, \@seats);
	}
	return zone("$id", $tier->{name} . " $id", \@rows);
}

sub arena
{
	my $lower = { name => 'Lower', first => 100, rows => 18, radius => 360, pitch => 17, straight => 7, bend => 8,
		category => sub { my $side = abs($_[0] - 11.5); $side > 6 && $_[1] < 8 ? 'Lower premium' : 'Lower tier' } };
	my $upper = { name => 'Upper', first => 200, rows => 26, radius => 748, pitch => 17, straight => 7, bend => 12,
		category => sub { $_[1] < 10 ? 'Upper front' : 'Upper rear' } };
	my @zones = map { my $tier = $_; map { tier_zone($tier, $_) } 1 .. 2 * $tier->{straight} + $tier->{bend} } $lower, $upper;
	my $stage = polygon('#374151', '#111827',
		{ text => 'STAGE', size => 48, color => '#ffffff', x => $CENTRE, y => 130 },
		[ 930, 40 ], [ 1570, 40 ], [ 1570, 210 ], [ 1310, 210 ], [ 1310, 300 ], [ 1190, 300 ], [ 1190, 210 ], [ 930, 210 ]);
	$zones[0]{areas} = [$stage];
	return { name => 'Harbour Arena', size => { width => 2500, height => 2600 },
		categories => [
			{ name => 'Floor', color => '#be185d' }, { name => 'Lower premium', color => '#b45309' },
			{ name => 'Lower tier', color => '#15803d' }, { name => 'Upper front', color => '#0369a1' },
			{ name => 'Upper rear', color => '#6d28d9' } ],
		zones => \@zones };
}

write_plan('theatre.json', theatre());
write_file('theatre.beside.json', $json->pretty->encode({
	city => 'Vienna', focal_x => $MIDDLE, focal_y => 222,
	accessible => [ map { ("S-U-$_") } 1, 2, 43, 44 ], standing => [] }));
$json->pretty(0);
write_plan('arena.json', arena());
write_file('arena.beside.json', $json->pretty->encode({
	city => 'Hamburg', focal_x => $CENTRE, focal_y => 300,
	accessible => [ map { my $zone = $_; map { "$zone-18-$_" } 1 .. 4 } 104, 111, 112, 119 ],
	standing => [ { section => 'Floor', capacity => 4000, category => 'Floor',
		area => { x => 940, y => 350, width => 620, height => 1160 } } ] }));
