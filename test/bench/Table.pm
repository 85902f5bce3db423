# What the rounds measured, as a table (in Markdown): medians, and medians of the ratios round by round.
package Table;
use v5.30;
use warnings;
use List::Util qw(max pairs);
use Harness qw(median commify);

my @FACTS_HEAD = ('', 'median', 'goal');
my @LINES_HEAD = ('', 'calls/s', 'ratio', 'p50 ms', 'p99 ms', 'WAL bytes a call', 'HOT');

sub of_group
{
	my ($group) = @_;
	my @head = ("**$group->{title}**", '');
	return (@head, markdown(\@FACTS_HEAD, map { fact($group, @$_) } pairs @{ $group->{facts} })) if $group->{facts};
	my %line = map { $_->{name} => $_ } @{ $group->{lines} };
	my @rows = map { row($_, \%line) } @{ $group->{lines} };
	return (@head, markdown(\@LINES_HEAD, @rows));
}

sub fact
{
	my ($group, $name, $fact) = @_;
	my $median = median(map { $_->{$name} } @{ $group->{rounds} });
	my ($least, $most) = @$fact{qw(least most)};
	my $missed = (defined $least && $median < $least) || (defined $most && $median > $most);
	return [
		$fact->{title},
		($median >= 1000 ? commify($median) : sprintf '%.3g', $median) . (defined $fact->{unit} ? " $fact->{unit}" : ''),
		(defined $least ? "at least $least" : defined $most ? "at most $most" : '') . ($missed ? ', missed' : '') ];
}

sub row
{
	my ($line, $others) = @_;
	my $of = sub {
		my ($get) = @_;
		return median(grep { defined } map { $get->($_) } @{ $line->{rounds} });
	};
	my $hot = $of->(sub { $_[0]{hot} });
	return [
		$line->{title},
		commify(rate($line)),
		join('; ', ratios($line, $others)),
		sprintf('%.2f', $of->(sub { $_[0]{latency_ms}{p50} })),
		sprintf('%.2f', $of->(sub { $_[0]{latency_ms}{p99} })),
		wal($of->(sub { $_[0]{wal} })),
		defined $hot ? sprintf('%.1f %%', 100 * $hot) : '' ];
}

sub rate { return median(map { $_->{rate} } @{ $_[0]{rounds} }) }

sub wal { return defined $_[0] ? commify($_[0]) : '' }

sub ratios
{
	my ($line, $others) = @_;
	my @texts;
	for my $pair (pairs @{ $line->{compare} // [] })
	{
		my ($name, $goal) = @$pair;
		my $other = $others->{$name} // next;
		my $ratio = ratio($line, $other);
		push @texts, sprintf('%.2f of %s', $ratio, $name) . (defined $goal ? " (goal $goal" . ($ratio < $goal ? ', missed)' : ')') : '');
	}
	return @texts;
}

sub ratio
{
	my ($line, $other) = @_;
	return median(map { $line->{rounds}[$_]{rate} / reference_rate($line, $other, $_) } 0 .. $#{ $line->{rounds} });
}

# As it was measured just before the line, if it was.
sub reference_rate
{
	my ($line, $other, $round) = @_;
	return $line->{rounds}[$round]{again}{ $other->{name} } // $other->{rounds}[$round]{rate};
}

sub markdown
{
	my @rows = @_;
	my @width = map { my $i = $_; max(3, map { length $_->[$i] } @rows) } 0 .. $#{ $rows[0] };
	my @lines = map { my $row = $_; '| ' . join(' | ', map { sprintf '%-*s', $width[$_], $row->[$_] } 0 .. $#width) . ' |' } @rows;
	return ($lines[0], '|' . join('|', map { '-' x ($_ + 2) } @width) . '|', @lines[ 1 .. $#lines ]);
}

1;
