# What the way over HTTP costs, in pairs: micro-cached availability against a static file of the same size, both
# through nginx; reserve through PostgREST against a function that does one INSERT, through the same PostgREST.
package Http;
use v5.30;
use warnings;
use Harness qw(run_program median commify spew);
use Server;
use Web;

my $SEATS = 200_000;
my $WARM_UP = 2;

my @LINES = (
	{ name => 'static file',  title => 'nginx: a static file of the size of the other', connections => 64 },
	{ name => 'availability', title => 'nginx: availability of 20,000 seats, micro-cached', connections => 64, to => 'static file' },
	{ name => 'insert',       title => 'PostgREST: a function that does one INSERT', connections => 32 },
	{ name => 'reserve',      title => 'PostgREST: reserve two seats', connections => 32, to => 'insert' });

# given: seconds, rounds
sub new
{
	my ($class, %given) = @_;
	my $server = Server->new('bench-http', conf => { Web::server_settings(), 'tixbook.address_limits' => '', 'tixbook.customer_limits' => '' })->start;
	my $self = bless { %given, server => $server, faults => 0, rates => {} }, $class;
	$server->create_database('bench', 'tixbook');
	$server->sql('bench', $_) for setup();
	my $root = "$server->{base}/static";
	mkdir $root;
	$self->{web} = Web->new(server => $server, database => 'bench', rate => 1_000_000, root => $root)->start;
	spew("$root/availability.json", $self->fetch('/api/v1/events/1/availability'));
	return $self;
}

sub setup
{
	return (
		'CREATE TABLE inserted (booking_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id integer NOT NULL,
			quantity integer NOT NULL, status text NOT NULL, created_at timestamptz NOT NULL, amount bigint NOT NULL)',
		q{CREATE FUNCTION tixbook_api.insert_one(event_id integer, quantity integer) RETURNS jsonb
		LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
			INSERT INTO public.inserted AS i (event_id, quantity, status, created_at, amount)
			VALUES (insert_one.event_id, insert_one.quantity, 'held', now(), 5000 * insert_one.quantity)
			RETURNING to_jsonb(i)
		$$},
		'GRANT EXECUTE ON FUNCTION tixbook_api.insert_one TO tixbook_anonymous',
		map { my ($event, $seats) = @$_;
			"SELECT tixbook.add_standing_section(tixbook.create_venue('House $event'), 'Floor', $seats, 'All')",
			"SELECT tixbook.create_event($event, 'Event $event', now() + interval '90 days', '{\"All\": 5000}', event_id => $event)",
			"SELECT tixbook.open_sale($event)" } [ 1, 20_000 ], map { [ $_, $SEATS ] } 2 .. 4);
}

sub fetch { return run_program(qw(curl -sf), $_[0]{web}->url . $_[1]) }

sub run
{
	my ($self) = @_;
	$self->prepare;
	for my $round (1 .. $self->{rounds})
	{
		$self->run_line($_, $round) for @LINES;
		say "round $round of $self->{rounds}: ", join ', ', map { "$_->{name} " . int $self->{rates}{ $_->{name} }[-1] } @LINES;
	}
	my $faults = $self->{server}->sql('bench', 'SELECT * FROM tixbook.verify()');
	if ($faults ne '') { say $faults; $self->{faults}++ }
	return;
}

# Half of what is shown is taken, so that the map is no empty one.
sub prepare
{
	my ($self) = @_;
	$self->{server}->sql('bench', "SELECT count(*) FROM generate_series(1, 2000), tixbook.reserve(1, 5)");
	select undef, undef, undef, 1.5;
	my $root = $self->{web}{root};
	$self->fetch('/api/v1/events/1/availability');
	select undef, undef, undef, 0.5;
	spew("$root/availability.json", $self->fetch('/api/v1/events/1/availability'));
	return;
}

sub run_line
{
	my ($self, $line, $round) = @_;
	my %url = (
		'static file' => $self->{web}->url . '/availability.json',
		availability  => $self->{web}->url . '/api/v1/events/1/availability',
		insert        => $self->{web}->postgrest_url(1) . '/rpc/insert_one',
		reserve       => $self->{web}->postgrest_url(1) . '/rpc/reserve');
	my @script = $line->{name} =~ /insert|reserve/ ? ('-s', $self->script(1 + $round % 3 + 1)) : ();
	$self->wrk($WARM_UP, $line->{connections}, @script, $url{ $line->{name} });
	push @{ $self->{rates}{ $line->{name} } }, $self->wrk($self->{seconds}, $line->{connections}, @script, $url{ $line->{name} });
	return;
}

sub script
{
	my ($self, $event) = @_;
	my $file = "$self->{server}{base}/post.lua";
	spew($file, qq{wrk.method = "POST"\nwrk.body = '{"event_id": $event, "quantity": 2}'\nwrk.headers["Content-Type"] = "application/json"\n});
	return $file;
}

# Answers a second; any that is an error is a fault.
sub wrk
{
	my ($self, $seconds, $connections, @arguments) = @_;
	my $output = run_program('wrk', '-t', 2, '-c', $connections, '-d', "${seconds}s", @arguments);
	my ($rate) = $output =~ m{^Requests/sec:\s+([\d.]+)}m;
	if ($output =~ /(?:Non-2xx|Socket errors: (?!.*connect 0, read 0, write 0, timeout 0))/) { print $output; $self->{faults}++ }
	return $rate;
}

sub table
{
	my ($self) = @_;
	my %median = map { $_ => median(@{ $self->{rates}{$_} }) } keys %{ $self->{rates} };
	return (
		sprintf('%-52s %12s %8s', 'over HTTP', 'answers/s', 'ratio'),
		map { sprintf '%-52s %12s %8s', $_->{title}, commify($median{ $_->{name} }),
			$_->{to} ? sprintf('%.2f', $median{ $_->{name} } / $median{ $_->{to} }) : '' } @LINES);
}

1;
