# Paying by Stripe's protocol, from the page to the charge and the refund.
use v5.30;
use warnings;
use Test::More;
use Tixbook::Browser;
use Tixbook::Stripe;

my $stripe = Tixbook::Stripe->start;
my $web    = new_box_office(conf => { 'tixbook.payment_provider' => 'stripe' });
my $sql    = sub { $web->{server}->sql('shop', $_[0]) };
$stripe->connect_shop($sql, $web->url . '/api/v1/payments/webhook');
run_script('stripe.mjs', 25, $web->url, $ENV{SHOTS} // ());

# The refunds go out by themselves.
my $refunded = sub { return [ grep { $_->{amount_refunded} == $_->{amount} } grep { $_->{status} eq 'succeeded' } @{ $stripe->admin('charges')->{charges} } ] };
for (1 .. 200) { last if @{ $refunded->() } == 2 && $stripe->admin('counts')->{webhooks}{open} == 0; select undef, undef, undef, 0.1 }
my $books = $stripe->admin('charges');
is(scalar(grep { $_->{status} eq 'succeeded' } @{ $books->{charges} }), 2, 'two were charged, once each');
is(scalar(@{ $refunded->() }), 2, 'and have their money back');
is(scalar(grep { $_->{status} eq 'failed' } @{ $books->{charges} }), 6, 'six cards were declined');
is($sql->("SELECT count(*) FROM tixbook.payment WHERE state = 'pending'"), 0, 'no payment is left open');
is($stripe->admin('counts')->{webhooks}{open}, 0, 'and all webhooks were taken');
end_shop($web);
