# The load generator (load/): builds it, runs a script with it, and returns its report.
package Load;
use v5.30;
use warnings;
use JSON::PP 'decode_json';
use POSIX ();
use Harness 'run_program';

my $HERE = $INC{'Load.pm'} =~ s{/[^/]*$}{}r;

sub build
{
	my ($directory) = @_;
	run_program('make', '-s', '-C', "$HERE/$directory", "PG_CONFIG=$ENV{PG_CONFIG}", 'with_llvm=no');
	return "$HERE/$directory";
}

# given: variables of the script.  Options are those of load/load.c.
sub start
{
	my ($script, $given, %options) = @_;
	my @command = ("$HERE/load/load", '--script', "$HERE/lines/$script.sql");
	push @command, '--touch', "$HERE/lines/" . delete($options{touch}) . '.sql' if $options{touch};
	push @command, map { ("--$_", $options{$_}) } grep { defined $options{$_} } sort keys %options;
	push @command, map { ('--define', "$_=$given->{$_}") } sort keys %$given;
	my $pid = open(my $pipe, '-|') // die "cannot fork: $!\n";
	if (!$pid)
	{
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	return { pipe => $pipe, script => $script };
}

sub finish
{
	my ($load) = @_;
	my $output = do { local $/; readline $load->{pipe} };
	close $load->{pipe} or die "the load of $load->{script} failed\n";
	return decode_json($output);
}

sub run { return finish(start(@_)) }

1;
