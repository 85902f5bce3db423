# make test [SUITES="regress isolation pgtap tap http browser memory"] [TESTS=pattern] [KEEP=1]
# Counts what really ran: the last line is "N passed, N failed".
use v5.30;
use warnings;
use Time::HiRes 'time';
use Harness qw(setting);
use Suites;

STDOUT->autoflush;
my $pattern = setting('TESTS');
my @suites  = split ' ', setting('SUITES', join ' ', Suites::names());
my ($passed, $failed) = (0, 0);

for my $suite (@suites)
{
	say "== $suite";
	my $started = time;
	my ($good, $bad) = eval { Suites::run($suite, $pattern) };
	if (!defined $good)
	{
		print "suite $suite could not run: $@";
		($good, $bad) = (0, 1);
	}
	elsif ($good + $bad == 0 && !defined $pattern)
	{
		say "suite $suite ran no test";
		$bad = 1;
	}
	printf "== %s: %d passed, %d failed, %.0f s\n", $suite, $good, $bad, time - $started;
	$passed += $good;
	$failed += $bad;
}

say "$passed passed, $failed failed";
exit($failed || !$passed ? 1 : 0);
