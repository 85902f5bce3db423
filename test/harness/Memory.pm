# A server under valgrind, with the extension built so that valgrind knows its chunks (guard.h) and with
# UndefinedBehaviorSanitizer in it; and what the two found.  The server itself is Debian's, built without
# valgrind in mind: only reports with our code on the stack count.
package Memory;
use v5.30;
use warnings;
use Harness qw(work_dir bin_dir slurp run_program);

my @VALGRIND = qw(valgrind --quiet --error-limit=no --leak-check=no --num-callers=24 --fullpath-after=
  --vgdb=no --redzone-size=16);

sub new
{
	my ($class) = @_;
	my $self = bless { base => work_dir() . '/memory-build' }, $class;
	mkdir $self->{base} or die "cannot make $self->{base}: $!\n";
	$self->build;
	return $self;
}

# A second server tree of hard links, in which only our library is another file.
sub build
{
	my ($self) = @_;
	my $base   = $self->{base};
	my $flags  = '-O1 -fno-omit-frame-pointer -fno-inline-small-functions -fsanitize=undefined '
	  . "-include $base/src/test/harness/guard.h";
	run_program('cp', '-al', work_dir() . '/pg',  "$base/pg");
	run_program('cp', '-a',  work_dir() . '/src', "$base/src");
	unlink glob "$base/src/src/*.o $base/src/*.so";
	unlink $self->relocated($ENV{TIXBOOK_LIBDIR}) . '/tixbook.so';
	for my $goal ('all', 'install')
	{
		run_program('make', '-s', '-j2', '-C', "$base/src", $goal, 'with_llvm=no', "COPT=$flags", "DESTDIR=$base/pg");
	}
	return;
}

sub relocated
{
	my ($self, $path) = @_;
	my $from = work_dir() . '/pg';
	return $path =~ s/^\Q$from\E/$self->{base}\/pg/r;
}

sub server_options
{
	my ($self) = @_;
	return (
		bindir => $self->relocated(bin_dir()),
		launch => [ @VALGRIND, "--log-file=$self->{base}/valgrind.%p" ],
		conf   => { fsync => 'off', autovacuum => 'off', shared_buffers => '32MB' },
		env    => { UBSAN_OPTIONS => "print_stacktrace=1:log_path=$self->{base}/ubsan" });
}

# Each report once, though many backends may have met it.  System calls are the server's own: it writes padding out.
sub faults
{
	my ($self) = @_;
	my %seen;
	for my $file (glob "$self->{base}/valgrind.* $self->{base}/ubsan.*")
	{
		for my $report (split /^==\d+== \n|^(?=\S+: runtime error:)/m, slurp($file))
		{
			next if $report =~ /\A(?:==\d+== )?Syscall param/;
			my ($place) = $report =~ m{\bsrc/(\w+\.[ch]:\d+)} or next;
			$seen{$place} //= $report =~ s/^==\d+== //mgr;
		}
	}
	return map { $seen{$_} =~ s/\n*\z/\n/r } sort keys %seen;
}

1;
