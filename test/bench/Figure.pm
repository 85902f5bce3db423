# Figures as SVG: bars and curves, dark on light, with nothing that a browser has to fetch.
package Figure;
use v5.30;
use warnings;
use List::Util qw(max min);
use POSIX qw(ceil floor);
use Harness 'commify';

my $WIDTH = 820;
my $FONT  = q{font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"};
my %INK   = (text => '#1f2937', quiet => '#6b7280', rule => '#e5e7eb', paper => '#ffffff');

our @COLORS = ('#2563eb', '#d97706', '#059669', '#be185d', '#7c3aed', '#64748b');

# Bars, one below the other, each { label, value, note, color, marks => [ values to reach ] }.
sub bars
{
	my ($title, $subtitle, @bars) = @_;
	my ($row, $top, $left, $right) = (34, 78, 330, 170);
	my $most   = max(map { ($_->{value}, @{ $_->{marks} // [] }) } @bars) || 1;
	my $scale  = ($WIDTH - $left - $right) / $most;
	my $height = $top + $row * @bars + 14;
	my @parts;
	for my $i (0 .. $#bars)
	{
		my $bar = $bars[$i];
		my ($y, $length) = ($top + $row * $i, max(1, $bar->{value} * $scale));
		push @parts,
		  text($left - 12, $y + 15, $bar->{label}, 'text-anchor="end"'),
		  sprintf('<rect x="%d" y="%d" width="%.1f" height="20" rx="3" fill="%s"/>', $left, $y, $length, $bar->{color} // $COLORS[0]),
		  text(max(map { $left + $_ * $scale } $bar->{value}, @{ $bar->{marks} // [] }) + 8, $y + 15, $bar->{note}, qq{fill="$INK{quiet}" font-size="13"});
		push @parts, map { sprintf '<path d="M%.1f %dv28" stroke="%s" stroke-width="2"/>', $left + $_ * $scale, $y - 4, $INK{text} } @{ $bar->{marks} // [] };
	}
	return svg($height, $title, $subtitle, @parts);
}

# Curves, each { name, points => [ [x, y], ... ], color }.  x and y tell what the axes are.
sub curves
{
	my ($title, $subtitle, $x, $y, @curves) = @_;
	my ($top, $left, $right, $plot) = (108, 76, 28, 240);
	my @points = map { @{ $_->{points} } } @curves;
	my ($x0, $x1) = (min(map { $_->[0] } @points), max(map { $_->[0] } @points));
	my $step = nice_step(max(map { $_->[1] } @points) / 5);
	my $y1   = $step * ceil(max(map { $_->[1] } @points) / $step);
	my $at_x = sub { return $left + ($_[0] - $x0) / (($x1 - $x0) || 1) * ($WIDTH - $left - $right) };
	my $at_y = sub { return $top + $plot * (1 - $_[0] / $y1) };
	my @parts = (legend(\@curves), grid_y($at_y, $step, $y1, $left, $WIDTH - $right), grid_x($at_x, $x0, $x1, $top + $plot));
	for my $i (0 .. $#curves)
	{
		my $line = join ' ', map { sprintf '%.1f,%.1f', $at_x->($_->[0]), $at_y->($_->[1]) } @{ $curves[$i]{points} };
		push @parts, sprintf '<polyline points="%s" fill="none" stroke="%s" stroke-width="2.2" stroke-linejoin="round"/>', $line, color(\@curves, $i);
	}
	push @parts, text(($left + $WIDTH - $right) / 2, $top + $plot + 40, $x, qq{text-anchor="middle" fill="$INK{quiet}" font-size="13"}),
	  text($left - 52, $top - 12, $y, qq{fill="$INK{quiet}" font-size="13"});
	return svg($top + $plot + 54, $title, $subtitle, @parts);
}

sub color { return $_[0][ $_[1] ]{color} // $COLORS[ $_[1] % @COLORS ] }

sub legend
{
	my ($curves) = @_;
	my $x = 24;
	my @parts;
	for my $i (0 .. $#$curves)
	{
		push @parts, sprintf('<rect x="%d" y="72" width="14" height="5" rx="2" fill="%s"/>', $x, color($curves, $i)),
		  text($x + 20, 79, $curves->[$i]{name}, 'font-size="13"');
		$x += 44 + 6.8 * length $curves->[$i]{name};
	}
	return @parts;
}

sub grid_y
{
	my ($at, $step, $last, $left, $right) = @_;
	my @parts;
	for (my $value = 0; $value <= $last * 1.001; $value += $step)
	{
		my $y = $at->($value);
		push @parts, sprintf('<path d="M%d %.1fH%d" stroke="%s"/>', $left, $y, $right, $INK{rule}),
		  text($left - 8, $y + 4, $last >= 10 ? commify($value) : sprintf('%.3g', $value), qq{text-anchor="end" fill="$INK{quiet}" font-size="12"});
	}
	return @parts;
}

sub grid_x
{
	my ($at, $first, $last, $bottom) = @_;
	my $step = nice_step(($last - $first) / 8 || 1);
	my @parts;
	for (my $value = $step * ceil($first / $step); $value <= $last + 1e-9; $value += $step)
	{
		push @parts, text($at->($value), $bottom + 18, sprintf('%.4g', $value), qq{text-anchor="middle" fill="$INK{quiet}" font-size="12"});
	}
	return @parts;
}

# The next of 1, 2 and 5, times a power of ten.
sub nice_step
{
	my ($least) = @_;
	my $power = 10**floor(log(max($least, 1e-9)) / log 10);
	return (grep { $_ * 1.0001 >= $least } map { $_ * $power } 1, 2, 5, 10)[0];
}

sub text
{
	my ($x, $y, $text, $attributes) = @_;
	$attributes //= '';
	$attributes .= qq{ fill="$INK{text}"} if $attributes !~ /fill=/;
	return sprintf '<text x="%.1f" y="%.1f" %s>%s</text>', $x, $y, $attributes, escape($text // '');
}

sub escape
{
	my ($text) = @_;
	my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;');
	return $text =~ s/([&<>"])/$entity{$1}/gr;
}

sub svg
{
	my ($height, $title, $subtitle, @parts) = @_;
	return join "\n",
	  sprintf('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%1$d" height="%2$d" role="img" %s font-size="14">', $WIDTH, $height, $FONT),
	  '<title>' . escape($title) . '</title>',
	  sprintf('<rect x="0.5" y="0.5" width="%d" height="%d" rx="8" fill="%s" stroke="%s"/>', $WIDTH - 1, $height - 1, @INK{qw(paper rule)}),
	  text(24, 32, $title, 'font-size="18" font-weight="600"'),
	  text(24, 52, $subtitle, qq{fill="$INK{quiet}" font-size="13"}),
	  @parts, "</svg>\n";
}

1;
