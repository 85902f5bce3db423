# What the HTTP tests share: a shop on a server of its own behind PostgREST and nginx, and asking it.
package Tixbook::Http;
use v5.30;
use warnings;
use File::Basename 'basename';
use HTTP::Tiny;
use JSON::PP;
use MIME::Base64 'encode_base64url';
use Digest::SHA 'hmac_sha256';
use Test::More;
use Harness 'slurp';
use Server;
use Web;
use Exporter 'import';
our @EXPORT = qw(new_shop end_shop request rest rpc token_of customer forge_token key refused quiet_house);

my $requests = 0;

# A started server with database shop, PostgREST and nginx in front; options of Web, and conf => {settings}.
# What is in the log by the end must not be a crash.
sub new_shop
{
	my (%options) = @_;
	my $name   = basename($0) =~ s/\W.*//r;
	my $server = Server->new(
		"http-$name",
		conf => {
			Web::server_settings(),
			'tixbook.password_cost'  => 4,
			'tixbook.address_limits' => '',
			'tixbook.customer_limits' => '',
			'shared_buffers' => '64MB',
			%{ delete $options{conf} // {} }
		})->start;
	$server->create_database('shop', 'tixbook');
	$server->psql('shop', '-f', 'test/sql/include/house.sql');
	my $web = Web->new(server => $server, database => 'shop', rate => 100000, %options);
	$web->start if !$options{later};
	return $web;
}

# The test's last word: all is sound, and nothing crashed.
sub end_shop
{
	my ($web) = @_;
	my $server = $web->{server};
	is($server->sql('shop', 'SELECT * FROM tixbook.verify()'),          '', 'verify() is empty');
	$web->stop;
	ok($server->stop, 'the server stops in order');
	unlike(slurp($server->log_file), qr/was terminated by signal|PANIC:|TRAP:/, 'nothing crashed');
	unlike(slurp("$web->{base}/nginx.log"), qr/exited on signal/, 'nor did nginx');
	unlike(slurp($server->log_file), qr/ERROR:  (?:XX000|cache lookup|could not find)/, 'nor was there an internal error');
	done_testing();
	return;
}

# { status, headers, content, json }; body may be a hash to be sent as JSON, or text.
sub request
{
	my ($method, $url, %given) = @_;
	state $http = HTTP::Tiny->new(timeout => 60, keep_alive => 1, max_redirect => 0);
	my %headers = (Connection => 'keep-alive', %{ $given{headers} // {} });
	$headers{Authorization}     = "Bearer $given{token}" if defined $given{token};
	$headers{'Idempotency-Key'} = $given{key}            if defined $given{key};
	my %options = (headers => \%headers);
	if (defined $given{body})
	{
		$headers{'Content-Type'} //= 'application/json';
		$options{content} = ref $given{body} ? JSON::PP->new->utf8->canonical->encode($given{body}) : $given{body};
	}
	my $answer = $http->request($method, $url, \%options);
	$answer->{json} = eval { JSON::PP->new->utf8->allow_nonref->decode($answer->{content}) }
	  if ($answer->{headers}{'content-type'} // '') =~ /json/;
	return $answer;
}

# A REST path: rest($web, GET => '/events/1', …).
sub rest { my ($web, $method, $path, %given) = @_; return request($method, $web->url . "/api/v1$path", %given) }

# A function by name, with its parameters in the body.
sub rpc { my ($web, $function, $parameters, %given) = @_; return rest($web, POST => "/rpc/$function", body => $parameters, %given) }

# "409 seat_taken", or "200".
sub refused
{
	my ($answer) = @_;
	my $code = ref $answer->{json} eq 'HASH' ? $answer->{json}{code} : undef;
	return join ' ', $answer->{status}, $code // ();
}

# A new customer's token.
sub customer
{
	my ($web, $name) = @_;
	my $answer = rpc($web, 'sign_up', { email => "$name\@example.org", password => "the password of $name", name => $name });
	die "cannot sign up: $answer->{content}\n" if $answer->{status} != 201;
	return $answer->{json}{token};
}

# A token that the database gives out.
sub token_of
{
	my ($web, $role, $subject) = @_;
	return $web->{server}->sql('shop', "SELECT tixbook.issue_token('$role', '$subject')");
}

# A token with any header, claims and secret; alg none has no signature.
sub forge_token
{
	my ($header, $claims, $secret) = @_;
	my $signed = join '.', map { encode_base64url(JSON::PP->new->canonical->encode($_)) } $header, $claims;
	return "$signed." . (defined $secret ? encode_base64url(hmac_sha256($signed, $secret)) : '');
}

sub key { return sprintf 'key-%d-%d-of-this-test-%d', $$, ++$requests, time }

# A house of one seated section, drawn as in test/sql/include/house.sql, with its event on sale.
sub quiet_house
{
	my ($web, $event_id, @lines) = @_;
	my $rows = join ', ', map { "'$_'" } @lines;
	$web->{server}->sql('shop', "SELECT build_event(build_house('House $event_id', VARIADIC ARRAY[$rows]), $event_id)");
	return $event_id;
}

1;
