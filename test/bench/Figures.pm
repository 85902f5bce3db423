# Which figures there are of what was measured.
package Figures;
use v5.30;
use warnings;
use List::Util qw(min pairkeys pairs sum0);
use Figure;
use Harness qw(commify median);
use Table;

my %COLOR = (ours => '#2563eb', reference => '#94a3b8', peer => '#d97706');

# By file name, for the groups that were measured whole.
sub of_groups
{
	return map { of_group($_) } @_;
}

sub of_group
{
	my ($group) = @_;
	my %figures;
	$figures{ $group->{name} } = rates($group) if $group->{lines};
	for my $figure (@{ $group->{figures} // [] })
	{
		$figures{"$group->{name}-$figure->{name}"} = $figure->{draw}->($group);
	}
	return map { ("performance-$_.svg" => $figures{$_}) } sort keys %figures;
}

# Medians as bars, with a mark where the ratio asked for would be.
sub rates
{
	my ($group) = @_;
	my %line = map { $_->{name} => $_ } @{ $group->{lines} };
	my $bar = sub {
		my ($line) = @_;
		my $rate  = Table::rate($line);
		my @marks = map { defined $_->value && $line{ $_->key } ? $_->value * Table::rate($line{ $_->key }) : () } pairs @{ $line->{compare} // [] };
		my ($first) = pairkeys @{ $line->{compare} // [] };
		my $ratio = $first ? sprintf(' (%.2f)', Table::ratio($line, $line{$first})) : '';
		return { label => $line->{short} // $line->{title}, value => $rate, note => commify($rate) . $ratio,
			color => $COLOR{ $line->{role} // 'ours' }, marks => \@marks };
	};
	return Figure::bars($group->{title}, 'calls a second, and the ratio to a reference; marks are goals', map { $bar->($_) } @{ $group->{lines} });
}

# The rate of some lines by the second, from the beginning of the round: medians of the rounds.
sub over_time
{
	my ($title, @names) = @_;
	return sub {
		my ($group) = @_;
		my %line = map { $_->{name} => $_ } @{ $group->{lines} };
		return Figure::curves($title, 'calls a second, second by second', 'seconds', '',
			map { { name => $_->{short} // $_->{title}, points => by_second($_) } } @line{@names});
	};
}

sub by_second
{
	my ($line) = @_;
	my @rounds = map { seconds_of($_) } @{ $line->{rounds} };
	my $last = min(map { $#$_ } @rounds);
	return [ map { my $i = $_; [ $i + 0.5, median(map { $_->[$i] } @rounds) ] } 0 .. $last ];
}

sub seconds_of
{
	my ($round) = @_;
	my ($n, @ticks) = ($round->{ticks_per_second}, @{ $round->{ticks} });
	return [ map { sum0(@ticks[ $_ * $n .. $_ * $n + $n - 1 ]) } 0 .. int(@ticks / $n) - 1 ];
}

1;
