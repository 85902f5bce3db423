# The test suites: each finds its files under test/, runs them on a private server and counts.
package Suites;
use v5.30;
use warnings;
use File::Basename 'basename';
use POSIX ();
use TAP::Harness;
use Time::HiRes 'time';
use Harness qw(work_dir bin_dir slurp);
use Memory;
use Server;
use Web;

my %SUITES = (
	regress   => \&regress,
	isolation => \&isolation,
	pgtap     => \&pgtap,
	tap       => \&tap,
	http      => \&http,
	browser   => \&browser,
	memory    => \&memory);

sub names { return qw(regress isolation pgtap tap http browser memory) }

# Returns how many tests passed and failed.
sub run
{
	my ($suite, $pattern) = @_;
	my $code = $SUITES{$suite} or die "there are: @{[names()]}\n";
	my @files = files($suite);
	@files = grep { basename($_) =~ $pattern } @files if defined $pattern;
	return @files ? $code->(@files) : (0, 0);
}

sub files
{
	my ($suite) = @_;
	my %where = (
		regress   => 'sql/*.sql',
		isolation => 'specs/*.spec',
		pgtap     => 'pgtap/*.sql',
		tap       => 't/*.pl',
		http      => 'http/*.pl',
		browser   => 'browser/*.pl',
		memory    => 'sql/*.sql');
	return sort glob "test/$where{$suite}";
}

sub regress
{
	my @files = @_;
	return with_server('regress', sub { pg_regress(shift->start, 'regress/pg_regress', 'test', @files) });
}

# The isolation tester looks for specs/ and expected/ under its input directory, which is test/specs itself.
sub isolation
{
	my @files = @_;
	symlink '.', 'test/specs/specs' or die "cannot make test/specs/specs: $!\n";
	my $test = sub {
		my ($server) = @_;
		create_databases($server->start, @files);
		$server->psql(test_name($_), '-f', 'test/specs/until_waits.sql') for @files;
		return pg_regress($server, 'isolation/pg_isolation_regress', 'test/specs', @files);
	};
	return with_server('isolation', $test);
}

sub pgtap
{
	my @files = @_;
	my $test = sub {
		my ($server) = @_;
		$server->start->create_database('pgtap', 'pgtap', 'tixbook');
		my @psql = ("$server->{bindir}/psql", qw(-X -q -A -t -P pager=off -v ON_ERROR_STOP=1 -U postgres -d pgtap));
		return tap_count({ exec => [ @psql, '-h', $server->socket, '-f' ] }, @files);
	};
	return with_server('pgtap', $test);
}

# These make their own servers, with PostgreSQL's modules.
sub tap
{
	my $pgxs = pgxs_dir();
	local $ENV{PERL5LIB}    = join ':', work_dir() . '/src/test/perl', "$pgxs/perl";
	local $ENV{PATH}        = join ':', bin_dir(), $ENV{PATH};
	local $ENV{PG_REGRESS}  = "$pgxs/regress/pg_regress";
	local $ENV{TESTDIR}     = work_dir() . '/tap';
	local $ENV{TESTDATADIR} = work_dir() . '/tap/tmp_check';
	local $ENV{TESTLOGDIR}  = work_dir() . '/tap/log';
	mkdir $ENV{TESTDIR};
	return tap_count({ jobs => 2 }, @_);
}

# These make servers, PostgRESTs and an nginx with our own modules.
sub http
{
	local $ENV{PERL5LIB} = join ':', map { work_dir() . "/src/test/$_" } 'perl', 'harness';
	Web::install_programs();
	Web::npm_install('test/stripe');
	return tap_count({ jobs => 2 }, @_);
}

# The box office in a real browser.  What is timed has the machine to itself.
sub browser
{
	my @files = @_;
	local $ENV{PERL5LIB} = join ':', map { work_dir() . "/src/test/$_" } qw(perl harness demo);
	Web::install_programs();
	Web::npm_install('test/browser');
	my ($passed, $failed) = (0, 0);
	for my $part ([ 2, grep { !/speed/ } @files ], [ 1, grep { /speed/ } @files ])
	{
		my ($jobs, @some) = @$part;
		my ($good, $bad) = @some ? tap_count({ jobs => $jobs }, @some) : (0, 0);
		$passed += $good;
		$failed += $bad;
	}
	return ($passed, $failed);
}

# The regress files again, with a library that watches its memory; each fault that was found is a failure.
# What comes before the tests goes the quick way.
sub memory
{
	my @files  = @_;
	my $memory = Memory->new;
	my $test   = sub {
		my ($server) = @_;
		$server->start;
		create_databases($server, @files);
		$server->stop;
		return pg_regress($server->become($memory->server_options)->start, 'regress/pg_regress', 'test', @files);
	};
	my ($passed, $failed) = with_server('memory', $test);
	my @faults = $memory->faults;
	print for @faults;
	return ($passed, $failed + @faults);
}

sub pgxs_dir { return $ENV{TIXBOOK_LIBDIR} . '/pgxs/src/test' }

# Without workers, so that holds end, and calls go out, when a test says so; what workers do is in test/t.
# A server that does not stop in order is one more failure: something crashed.
sub with_server
{
	my ($name, $test) = @_;
	my $server = Server->new($name, conf => {
		map { ("tixbook.${_}_worker" => 'off') } qw(expiry waitingroom request dispatch) });
	my ($passed, $failed) = $test->($server);
	if (!$server->stop || slurp($server->log_file) =~ /was terminated by signal|PANIC:/)
	{
		print "server $name crashed:\n", slurp($server->log_file);
		$failed++;
	}
	return ($passed, $failed);
}

sub test_name { return basename($_[0]) =~ s/\.\w+$//r }

# One database a test, so that none depends on another.
sub create_databases
{
	my ($server, @files) = @_;
	$server->create_database($_, 'tixbook') for map { test_name($_) } @files;
	$server->{has_databases} = 1;
	return;
}

# As many at once as there are cores here and in CI: two.
sub pg_regress
{
	my ($server, $program, $input, @files) = @_;
	create_databases($server, @files) if !$server->{has_databases};
	my %running;
	my ($passed, $failed) = (0, 0);
	while (@files || %running)
	{
		while (@files && keys %running < 2)
		{
			my $name = test_name(shift @files);
			$running{ start_pg_regress($server, $program, $input, $name) } = [ $name, time ];
		}
		my $pid = waitpid(-1, 0);
		my ($name, $started) = @{ delete $running{$pid} // next };
		$? ? $failed++ : $passed++;
		printf "%s - %s (%.1f s)\n", $? ? 'not ok' : 'ok', $name, time - $started;
		print_regress_failure($server, $name) if $?;
	}
	return ($passed, $failed);
}

sub start_pg_regress
{
	my ($server, $program, $input, $name) = @_;
	my $output = "$server->{base}/$name";
	mkdir $output or die "cannot make $output: $!\n";
	my $pid = fork // die "cannot fork: $!\n";
	return $pid if $pid;
	open STDOUT, '>', "$output/output" or POSIX::_exit(126);
	open STDERR, '>&', \*STDOUT;
	exec pgxs_dir() . "/$program", "--bindir=$server->{bindir}", '--host=' . $server->socket, '--port=5432',
	  '--user=postgres', '--use-existing', "--dbname=$name", "--inputdir=$input", "--outputdir=$output", $name
	  or POSIX::_exit(127);
}

sub print_regress_failure
{
	my ($server, $name) = @_;
	my ($differences, $output) = map { "$server->{base}/$name/$_" } qw(regression.diffs output);
	print -s $differences ? slurp($differences) : slurp($output);
	return;
}

# A skipped test has not passed, and a file that ends badly is a failure of its own.
sub tap_count
{
	my ($options, @files) = @_;
	local $ENV{PERL_TEST_HARNESS_DUMP_TAP} = work_dir() . '/tap-output';
	my $harness    = TAP::Harness->new({ verbosity => -1, failures => 1, color => 0, merge => 1, %$options });
	my $aggregator = $harness->runtests(@files);
	my $skipped    = $aggregator->skipped;
	my $bad        = $aggregator->failed + $skipped;
	for my $file ($aggregator->descriptions)
	{
		my ($parser) = $aggregator->parsers($file);
		next if !$parser->has_problems && !$parser->skip_all && !$parser->skipped;
		$bad++ if !$parser->failed && !$parser->skipped;
		print_tap_failure($file);
	}
	return (scalar($aggregator->passed) - $skipped, $bad);
}

# What the file said, but for its successes, and the end of the log that PostgreSQL's modules keep.
sub print_tap_failure
{
	my ($file) = @_;
	my $output = work_dir() . "/tap-output/$file";
	my $log = work_dir() . '/tap/tmp_check/log/regress_log_' . (basename($file) =~ s/\.pl$//r);
	print "--- $file\n", grep { !/^ok \d/ || /# skip/i } map { "$_\n" } split /\n/, slurp($output) if -e $output;
	return if !-e $log;
	my @lines = split /\n/, slurp($log);
	print "--- the end of its log\n", map { "$_\n" } @lines[ ($#lines > 60 ? $#lines - 60 : 0) .. $#lines ];
	return;
}

1;
