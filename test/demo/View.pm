# The live view: redrawn in place in a terminal, a line every few seconds elsewhere.
package View;
use v5.30;
use warnings;
use utf8;
use List::Util qw(min max sum0);
use Harness qw(commify);

sub new
{
	my ($class, $title) = @_;
	my $terminal = -t STDOUT && ($ENV{TERM} // 'dumb') ne 'dumb';
	my ($rows, $columns) = $terminal ? split(' ', `stty size <&1` || '24 80') : (24, 80);
	return bless { title => $title, terminal => $terminal, rows => $rows, columns => $columns, lines => 0 }, $class;
}

sub pause { return $_[0]{terminal} ? 0.5 : 5 }

# given: sections [name, capacity, free, sold], elapsed, rate, refusals {reason => how many}
sub show
{
	my ($self, %given) = @_;
	my ($capacity, $free, $sold) = map {
		my $i = $_;
		sum0(map { $_->[$i] } @{ $given{sections} })
	} 1 .. 3;
	my $summary = sprintf '%3.0f s  sold %s  held %s  free %s  %s holds/s', $given{elapsed}, commify($sold),
	  commify($capacity - $free - $sold), commify($free), commify($given{rate});
	my $refused = join '  ', map { "$_ $given{refusals}{$_}" } sort keys %{ $given{refusals} };
	if (!$self->{terminal})
	{
		say "$summary  refused: ", $refused || 'none';
		return;
	}
	$self->redraw($self->{title}, $summary, 'refused  ' . ($refused || 'none'),
		bar($capacity, $free, $sold, min($self->{columns}, 100) - 2),
		$self->grid(@{ $given{sections} }));
	return;
}

# A line of words, and how the parts of a whole stand; not more often than pause tells.
sub tell
{
	my ($self, $summary, $whole, $first, $second) = @_;
	return if time < ($self->{told} // 0) + $self->pause;
	$self->{told} = time;
	return say $summary if !$self->{terminal};
	return $self->redraw($self->{title}, $summary, bar($whole, $whole - $first - $second, $first, min($self->{columns}, 100) - 2));
}

# Sold, held and free as one bar.
sub bar
{
	my ($capacity, $free, $sold, $width) = @_;
	my $full = int($width * $sold / $capacity + 0.5);
	my $held = min($width - $full, int($width * ($capacity - $free - $sold) / $capacity + 0.5));
	return "\e[32m" . '█' x $full . "\e[33m" . '▒' x $held . "\e[90m" . '·' x ($width - $full - $held) . "\e[0m";
}

# The sections side by side, as many as there is room for.
sub grid
{
	my ($self, @sections) = @_;
	my $across = max(1, int(($self->{columns} - 1) / 26));
	my $down   = int((@sections + $across - 1) / $across);
	my $shown  = max(1, min($down, $self->{rows} - 7));
	my @lines;
	for my $row (0 .. $shown - 1)
	{
		my @cells = grep { defined } map { $sections[ $row + $_ * $down ] } 0 .. $across - 1;
		push @lines, join ' ', map { sprintf '%-9.9s %s %4d', $_->[0], bar(@$_[ 1 .. 3 ], 10), $_->[2] } @cells;
	}
	push @lines, '…' if $shown < $down;
	return @lines;
}

sub redraw
{
	my ($self, @lines) = @_;
	print "\e[$self->{lines}A\r" if $self->{lines};
	print map { "$_\e[K\n" } @lines;
	print "\e[J";
	$self->{lines} = @lines;
	return;
}

1;
