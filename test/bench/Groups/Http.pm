# What the way over HTTP costs, in pairs: micro-cached availability against a static file of the same size, both
# through nginx; reserve through PostgREST against a function that does one INSERT, through the same PostgREST.
package Groups::Http;
use v5.30;
use warnings;
use HTTP::Tiny;
use Harness qw(run_program spew);
use Server;
use Web;

my $SEATS   = 200_000;
my $SECONDS = 8;
my $WARM_UP = 2;
my ($READERS, $BUYERS) = (64, 32);

sub group
{
	return {
		name    => 'http',
		title   => 'The way over HTTP',
		measure => \&measure,
		facts   => [
			static_file  => { title => 'nginx: a static file of the size of the next', unit => 'a second' },
			availability => { title => 'nginx: availability of 20,000 seats, micro-cached', unit => 'a second' },
			cached       => { title => '… to the static file', least => 0.85 },
			insert       => { title => 'PostgREST: a function that does one INSERT', unit => 'a second' },
			reserve      => { title => 'PostgREST: reserve two seats', unit => 'a second' },
			booked       => { title => '… to the INSERT', least => 0.85 } ]
	};
}

sub measure
{
	my ($bench) = @_;
	my $shop  = $bench->keep('shop', \&open_shop);
	my $event = 2 + $shop->{rounds}++ % 3;
	my $post  = post($shop, $event);
	my ($url, $postgrest) = ($shop->{web}->url, $shop->{web}->postgrest_url(1));
	my %rate = (
		static_file  => rate($bench, $READERS, "$url/availability.json"),
		availability => rate($bench, $READERS, "$url/api/v1/events/1/availability"),
		insert       => rate($bench, $BUYERS, '-s', $post, "$postgrest/rpc/insert_one"),
		reserve      => rate($bench, $BUYERS, '-s', $post, "$postgrest/rpc/reserve"));
	my $faults = $shop->{server}->sql('bench', 'SELECT * FROM tixbook.verify()');
	$bench->fault("http: $faults") if $faults ne '';
	return { %rate, cached => $rate{availability} / $rate{static_file}, booked => $rate{reserve} / $rate{insert} };
}

# A shop of its own: event 1 is looked at, the others are sold.
sub open_shop
{
	my $server = Server->new('bench-http', conf => { Web::server_settings(), 'tixbook.address_limits' => '', 'tixbook.customer_limits' => '' })->start;
	$server->create_database('bench', 'tixbook');
	$server->sql('bench', $_) for setup();
	my $root = "$server->{base}/static";
	mkdir $root;
	my $web = Web->new(server => $server, database => 'bench', rate => 1_000_000, root => $root)->start;
	# Half of what is shown is taken, so that the map is no empty one.
	$server->sql('bench', 'SELECT count(*) FROM generate_series(1, 2000), tixbook.reserve(1, 5)');
	my $answer = HTTP::Tiny->new->get($web->postgrest_url(1) . '/rpc/availability?event_id=1');
	die "no availability: $answer->{content}\n" if !$answer->{success};
	spew("$root/availability.json", $answer->{content});
	return { server => $server, web => $web, rounds => 0 };
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

sub post
{
	my ($shop, $event) = @_;
	my $file = "$shop->{server}{base}/post.lua";
	spew($file, qq{wrk.method = "POST"\nwrk.body = '{"event_id": $event, "quantity": 2}'\nwrk.headers["Content-Type"] = "application/json"\n});
	return $file;
}

# Answers a second; any that is an error is a fault.
sub rate
{
	my ($bench, $connections, @what) = @_;
	wrk($bench, $WARM_UP, $connections, @what);
	return wrk($bench, $SECONDS, $connections, @what);
}

sub wrk
{
	my ($bench, $seconds, $connections, @what) = @_;
	my $output = run_program('wrk', '-t', 2, '-c', $connections, '-d', "${seconds}s", @what);
	my ($rate) = $output =~ m{^Requests/sec:\s+([\d.]+)}m;
	$bench->fault("http: $1: @what") if $output =~ /^\s*((?:Non-2xx|Socket errors).*)/m;
	return $rate;
}

1;
