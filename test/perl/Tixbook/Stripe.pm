# The local stand-in for Stripe (test/stripe), from start to end of a test, and what its /admin says.
package Tixbook::Stripe;
use v5.30;
use warnings;
use HTTP::Tiny;
use JSON::PP;
use POSIX ();

# The events that docs/payments.md tells to ask for.
my @EVENTS = (
	(map { "payment_intent.$_" } qw(succeeded payment_failed canceled processing)),
	(map { "refund.$_" } qw(created updated failed)), qw(charge.refunded charge.refund.updated));

use constant { KEY => 'sk_test_of_the_local_server', SECRET => 'whsec_of_the_local_server_and_of_no_other' };

# given: arguments of server.mjs, such as seed => 7, timeout => 0.05.
sub start
{
	my ($class, %given) = @_;
	$given{parent} = $$;
	pipe my $said, my $saying or die "no pipe: $!\n";
	my $pid = fork // die "cannot fork: $!\n";
	if (!$pid)
	{
		setpgrp;    # an interrupt at the terminal is for the script
		close $said;
		open STDIN,  '<',  '/dev/null';
		open STDOUT, '>&', $saying;
		exec 'node', 'test/stripe/server.mjs', map { "$_=$given{$_}" } sort keys %given or POSIX::_exit(127);
	}
	close $saying;
	chomp(my $url = <$said> // die "the local Stripe server did not start\n");
	return bless { pid => $pid, owner => $$, url => $url, http => HTTP::Tiny->new(timeout => 30) }, $class;
}

sub url { return $_[0]{url} }

# GET without a body, POST with one.
sub admin
{
	my ($self, $path, $body) = @_;
	my $answer = $self->{http}->request($body ? 'POST' : 'GET', "$self->{url}/admin/$path",
		{ content => $body ? encode_json($body) : '' });
	die "$path: $answer->{status} $answer->{content}\n" if !$answer->{success};
	return decode_json($answer->{content});
}

# Lets a shop, of which $sql asks, pay here; webhooks go to an address, or wait to be fetched.
# given: parameters of allow_destination, as SQL.
sub connect_shop
{
	my ($self, $sql, $url, %given) = @_;
	%given = (first_pause => "'50 ms'", longest_pause => "'1 s'", breaker_failures => 1000, plaintext => 'true', %given);
	my $parameters = join ', ', map { "$_ => $given{$_}" } sort keys %given;
	$sql->(sprintf q(SELECT tixbook.allow_destination('stripe', '%s', '{"Authorization": "Bearer %s"}', %s)), $self->url, KEY, $parameters);
	$sql->(sprintf q(SELECT tixbook.set_webhook_secret('stripe', '%s')), SECRET);
	$self->admin('endpoint', { secret => SECRET, url => $url, events => \@EVENTS });
	return;
}

sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid} // return;
	kill 'TERM', $pid;
	waitpid $pid, 0;
	return;
}

sub DESTROY { my ($self) = @_; local $?; $self->stop if $self->{owner} == $$; return }

1;
