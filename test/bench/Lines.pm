# The lines of the benchmark, by groups.  The lines of a group are measured in turns, and compared with
# others of the same group.  A line has a name, and a title for the table, and may have
#   script   its script under lines/, if that has another name,
#   clients  how many, if not as many as the others; or a function that tells,
#   target   options of the load generator for another server than ours,
#   prepare  what a round needs before it; returns variables for the script,
#   expect   the SQLSTATE with which its calls end,
#   allow    others that may happen,
#   check    a query that returns a row for everything wrong after the round,
#   verdict  the same as a function, for another server,
#   compare  the lines it is compared with, and what the ratio should be at least.
package Lines;
use v5.30;
use warnings;
use Lines::Losers;
use Lines::Peers;
use Lines::Reads;
use Lines::Winners;

my @GROUPS = (Lines::Reads::group(), Lines::Losers::group(), Lines::Winners::group(),
	Lines::Peers::group());

sub groups { return @GROUPS }

# The groups that are wanted, with those of their lines that are; a line that is in several groups and
# is wanted by its name is measured in the first.
sub wanted
{
	my ($groups, $lines) = @_;
	my @groups = $groups eq '' ? @GROUPS : pick('group', $groups, @GROUPS);
	return @groups if $lines eq '';
	my @all = map { @{ $_->{lines} } } @groups;
	my %wanted = map { $_->{name} => 1 } pick('line', $lines, @all);
	$_->{lines} = [ grep { delete $wanted{ $_->{name} } } @{ $_->{lines} } ] for @groups;
	return grep { @{ $_->{lines} } } @groups;
}

sub pick
{
	my ($what, $names, @from) = @_;
	my %known = map { $_->{name} => $_ } @from;
	my @unknown = grep { !$known{$_} } split ' ', $names;
	die "there is no $what @unknown; there are: @{[map { $_->{name} } @from]}\n" if @unknown;
	return map { $known{$_} } split ' ', $names;
}

1;
