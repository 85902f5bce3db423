# make bench [GROUPS="reads losers"] [LINES="reserve confirm"] [SECONDS=15] [ROUNDS=3] [CLIENTS=32] [SOAK=3600 [SOAK_RATE=5000]]
#            [ROOM=14000000] [SCHEDULING=batch]
# The lines of a group take turns; medians of the rounds, durable commits, the same server settings for all;
# after each round its result is checked.  Groups that are measured whole leave their figures in docs/.
use v5.30;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../harness";
use Bench;
use Figures;
use Harness qw(setting spew work_dir);
use Groups;
use Round;
use Table;

STDOUT->autoflush;
my @groups = Groups::wanted(setting('GROUPS', ''), setting('LINES', ''), setting('SOAK', 0));
my $bench = Bench->new(rounds => setting('ROUNDS', 3), clients => setting('CLIENTS', 32));
say $bench->machine;
for my $group (@groups)
{
	my $rounds = $group->{rounds_wanted} // $bench->{rounds};
	for my $round (1 .. $rounds)
	{
		my @said = Round::of_group($bench, $group, setting('SECONDS', $group->{seconds}));
		say "$group->{name}, round $round of $rounds: ", join ', ', @said;
	}
}
say for map { ('', Table::of_group($_)) } @groups;
if (!setting('LINES'))
{
	my %figures = Figures::of_groups(@groups);
	spew(work_dir() . "/out/docs/$_", $figures{$_}) for keys %figures;
}
if (my $faults = $bench->faults)
{
	say "\n$faults checks failed";
	exit 1;
}
say "\nevery check passed: no seat twice";
