# make bench PART=http [SECONDS=10] [ROUNDS=3]: what the way over HTTP costs.
use v5.30;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../harness";
use Harness qw(setting);
use Http;

STDOUT->autoflush;
my $bench = Http->new(seconds => setting('SECONDS', 10), rounds => setting('ROUNDS', 3));
$bench->run;
say for $bench->table;
if ($bench->{faults})
{
	say "$bench->{faults} checks failed";
	exit 1;
}
