# Requests over HTTP: acknowledged at once, seen, taken back; nobody sees those of others.
use v5.30;
use warnings;
use Test::More;
use Tixbook::Http;

my $web    = new_shop();
my $server = $web->{server};
my $sql    = sub { $server->sql('shop', $_[0]) };
quiet_house($web, $_, 'ssssssssss') for 1, 2;
my ($ann, $bob) = map { customer($web, $_) } qw(ann bob);

sub submit { my ($body, %more) = @_; return rest($web, POST => '/requests', body => $body, token => $ann, %more) }
sub look { my ($id, %more) = @_; return rest($web, GET => "/requests/$id", token => $ann, %more) }

sub decided
{
	my ($id) = @_;
	for (1 .. 400)
	{
		my $answer = look($id);
		return $answer if $answer->{json}{status} ne 'waiting';
		select undef, undef, undef, 0.025;
	}
	die "request $id was not decided\n";
}

# From the wish to the hold
my $key   = key();
my $first = submit({ event_id => 1, quantity => 3 }, key => $key);
is($first->{status}, 202, 'acknowledged');
my $id = $first->{json}{request_id};
like($id, qr/^00000001-/, 'with a reference that names the event');
my $again = submit({ event_id => 1, quantity => 3 }, key => $key);
is($again->{json}{request_id}, $id, 'once, however often submitted');
is($again->{headers}{'idempotency-replayed'}, 'true', 'and it says so');
my $held = decided($id);
is($held->{json}{status}, 'held', 'it becomes a hold');
is($held->{headers}{'retry-after'}, undef, 'and there is nothing more to wait for');
is(scalar @{ $held->{json}{hold}{seats} }, 3, 'of three seats');
my $booking = rest($web, GET => "/bookings/$held->{json}{booking_id}", token => $ann)->{json};
is_deeply([ @$booking{qw(status seats)} ], [ 'held', $held->{json}{hold}{seats} ], 'which the customer finds among the bookings');

# What cannot be is told as a refusal would be.
my $taken = submit({ event_id => 1, seats => $held->{json}{hold}{seats} });
ok($taken->{status} == 202 ? decided($taken->{json}{request_id})->{json}{code} eq 'seat_taken' : refused($taken) eq '409 seat_taken',
	'seats that are gone are refused, at once or later') or diag($taken->{content});

# While it waits
$sql->('SELECT tixbook.set_request_rate(2, 0.0001)');
decided(submit({ event_id => 2, quantity => 1 })->{json}{request_id});
my $waiting = submit({ event_id => 2, quantity => 1 });
is($waiting->{json}{status}, 'waiting', 'a request waits');
like($waiting->{headers}{'retry-after'}, qr/^[1-9]\d*$/, 'and the answer tells when to look again');
is($waiting->{headers}{'cache-control'}, 'no-store', 'no cache keeps it');
$id = $waiting->{json}{request_id};
for my $other ([ Bob => $bob ], [ nobody => undef ])
{
	my ($who, $token) = @$other;
	is(refused(look($id, token => $token)), '404 request_not_found', "$who does not find it");
	is(refused(rest($web, POST => "/requests/$id/cancel", token => $token)), '404 request_not_found', "nor can $who take it back");
}
my $cancelled = rest($web, POST => "/requests/$id/cancel", token => $ann);
is($cancelled->{json}{status}, 'cancelled', 'its owner can') or diag($cancelled->{content});
is(rest($web, POST => "/requests/$id/cancel", token => $ann)->{json}{status}, 'cancelled', 'also twice');

# A guest's belongs to whoever has its reference.
my $guest = submit({ event_id => 2, quantity => 1 }, token => undef, key => key())->{json}{request_id};
is(look($guest, token => undef)->{json}{status}, 'waiting', 'a guest sees his request');
is(rpc($web, 'request_status', { request_id => $guest })->{json}{status}, 'waiting', 'by the name of the function, too');

end_shop($web);
