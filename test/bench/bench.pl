# make bench [GROUPS="reads losers winners"] [LINES="reserve confirm"] [SECONDS=15] [ROUNDS=3] [CLIENTS=32]
# The lines of a group take turns; medians of the rounds, durable commits, the same server settings for all;
# after each round its result is checked.
use v5.30;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../harness";
use Bench;
use Harness qw(setting);
use List::Util 'min';
use Lines;
use Table;

STDOUT->autoflush;
my @groups = Lines::wanted(setting('GROUPS', ''), setting('LINES', ''));
my $bench = Bench->new(rounds => setting('ROUNDS', 3), clients => setting('CLIENTS', 32));
say $bench->machine;
for my $group (@groups)
{
	my @lines = @{ $group->{lines} };
	my $seconds = setting('SECONDS', $group->{seconds});
	for my $round (1 .. $bench->{rounds})
	{
		$bench->run_line($_, $seconds) for @lines;
		say "$group->{name}, round $round of $bench->{rounds} ($seconds s): ",
		  join ', ', map { "$_->{name} " . int $_->{rounds}[-1]{rate} } @lines;
	}
}
say for map { ('', Table::of_group($_)) } @groups;
if ($bench->{faults})
{
	say "\n$bench->{faults} checks failed";
	exit 1;
}
say "\nevery check passed: no seat twice";
