# The groups of the benchmark.  The lines of a group are measured in turns, and compared with others of the
# same group.  A line has a name, and a title for the table, and may have
#   script    its script under lines/, if that has another name,
#   touch     a script that each client runs to its end before,
#   seconds   the most that a round of it can last,
#   warm      how many seconds do not count, if not as many as of others; such a round starts without a checkpoint,
#             since in a few seconds after one there is little but the images of pages that change first,
#   clients   how many, if not as many as the others; or a function that tells,
#   target    options of the load generator for another server than ours,
#   on        the server, if not the first,
#   elsewhere it does not write our WAL,
#   prepare   what a round needs before it; returns variables for the script,
#   again     a reference that needs no preparation, to measure once more between that and the round: a machine is
#             not as fast as it was minutes ago,
#   beside    what goes on beside the round, until the value that this returns is gone,
#   expect    the SQLSTATE with which its calls end,
#   allow     others that may happen,
#   check     tells what is wrong after the round; nothing, if all is well,
#   compare   the lines it is compared with, and what the ratio should be at least.
# A group that measures other things than calls a second has a function instead of lines (measure, which
# runs one round and returns numbers by name), and facts, which tell what the numbers are.  Both may have
# figures to draw (Figures.pm).
package Groups;
use v5.30;
use warnings;
use List::Util 'uniq';
use Groups::Dispatch;
use Groups::Expiry;
use Groups::Flat;
use Groups::Http;
use Groups::Losers;
use Groups::Opening;
use Groups::Peers;
use Groups::Publish;
use Groups::Reads;
use Groups::Requests;
use Groups::Room;
use Groups::Soak;
use Groups::Winners;

my @GROUPS = map { "Groups::$_"->group } qw(Opening Reads Losers Winners Requests Peers Expiry Dispatch Publish Flat Http Room);

# The groups that are wanted, with those of their lines that are; a line that is in several groups and
# is wanted by its name is measured in the first.  The soak is for those who ask for it.
sub wanted
{
	my ($groups, $lines, $soak) = @_;
	my @all    = (@GROUPS, $soak ? Groups::Soak::group($soak) : ());
	my @groups = $groups ne '' ? pick('group', $groups, @all) : $soak ? $all[-1] : @all;
	return @groups if $lines eq '';
	@groups = grep { $_->{lines} } @groups;
	my %wanted = map { $_->{name} => 1 } pick('line', $lines, map { @{ $_->{lines} } } @groups);
	$_->{lines} = [ grep { delete $wanted{ $_->{name} } } @{ $_->{lines} } ] for @groups;
	return grep { @{ $_->{lines} } } @groups;
}

sub pick
{
	my ($what, $names, @from) = @_;
	my %known = map { $_->{name} => $_ } @from;
	my @unknown = grep { !$known{$_} } split ' ', $names;
	die "there is no $what @unknown; there are: @{[uniq map { $_->{name} } @from]}\n" if @unknown;
	return map { $known{$_} } split ' ', $names;
}

1;
