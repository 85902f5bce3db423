# make bench [SECONDS=30] [ROUNDS=3] [CLIENTS=32] [LINES="reserve confirm"]
# Interleaved rounds over all lines, medians, durable commits, the same server settings for all;
# after each round its result is checked.
use v5.30;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../harness";
use Bench;
use Harness qw(setting);
use Lines;

STDOUT->autoflush;
my %wanted = map { $_ => 1 } split ' ', setting('LINES', join ' ', map { $_->{name} } Lines::all());
my @lines  = grep { delete $wanted{ $_->{name} } } Lines::all();
die "there is no line @{[keys %wanted]}; there are: @{[map { $_->{name} } Lines::all()]}\n" if %wanted;

my $bench = Bench->new(
	seconds => setting('SECONDS', 30),
	rounds  => setting('ROUNDS',  3),
	clients => setting('CLIENTS', 32));
say $bench->machine;
say $bench->opening;
for my $round (1 .. $bench->{rounds})
{
	$bench->run_line($_) for @lines;
	say "round $round of $bench->{rounds}: ", join ', ', map { "$_->{name} " . int $_->{tps}[-1] } @lines;
}
say for $bench->table(@lines);
if ($bench->{faults})
{
	say "$bench->{faults} checks failed";
	exit 1;
}
say 'every check passed: no seat twice';
