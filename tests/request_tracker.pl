# Runs commands on a Request Tracker by its own functions: a line of JSON each, and one in answer.
use strict;
use warnings;
use JSON;
use MIME::Entity;
use RT;

RT::LoadConfig();
RT::Init();
$| = 1;

sub loaded { my ( $kind, $name ) = @_; my $one = "RT::$kind"->new( RT->SystemUser ); $one->Load($name); return $one }

sub principal {
    my ($who) = @_;
    my ( $kind, $name ) = split /:/, $who, 2;
    return loaded( 'User', $name )->PrincipalObj if $kind eq 'user';
    my $group = RT::Group->new( RT->SystemUser );
    if    ( $kind eq 'group' )  { $group->LoadUserDefinedGroup($name) }
    elsif ( $kind eq 'system' ) { $group->LoadSystemInternalGroup($name) }
    else                        { my ( $queue, $role ) = split /\//, $name; $group = loaded( 'Queue', $queue )->RoleGroup($role) }
    return $group->PrincipalObj;
}

my %acts = (
    user  => sub { RT::User->new( RT->SystemUser )->Create( Name => $_[0], RealName => ucfirst "$_[0] Essai", Privileged => $_[1] ) },
    group => sub {
        my ( $name, @members ) = @_;
        my $group = RT::Group->new( RT->SystemUser );
        $group->CreateUserDefinedGroup( Name => $name );
        $group->AddMember( principal($_)->id ) for @members;
        return $group->id;
    },
    queue  => sub { RT::Queue->new( RT->SystemUser )->Create( Name => $_[0] ) },
    grant  => sub { my ( $who, $right, $queue ) = @_; principal($who)->GrantRight( Right => $right, Object => $queue ? loaded( 'Queue', $queue ) : $RT::System ) },
    watch  => sub { my ( $queue, $role, $who ) = @_; loaded( 'Queue', $queue )->AddWatcher( Type => $role, PrincipalId => principal($who)->id ) },
    follow => sub { my ( $id, $role, $who ) = @_; loaded( 'Ticket', $id )->AddWatcher( Type => $role, PrincipalId => principal($who)->id ) },
    disable => sub { my ( $kind, $name ) = @_; ( $kind eq 'User' ? loaded( $kind, $name )->PrincipalObj : principal("group:$name")->Object )->SetDisabled(1) },
    create => sub {
        my ( $queue, $subject, $text, $type, $requestor ) = @_;
        my $mime = MIME::Entity->build( Type => $type || 'text/plain', Charset => 'UTF-8', Data => [ Encode::encode( 'UTF-8', $text ) ] );
        my @asked = $requestor ? ( Requestor => $requestor ) : ();
        my ($id) = RT::Ticket->new( RT->SystemUser )->Create( Queue => $queue, Subject => $subject, MIMEObj => $mime, @asked );
        return $id;
    },
    say => sub {
        my ( $id, $login, $what, $text ) = @_;
        my $user = RT::CurrentUser->new; $user->Load($login);
        my $ticket = RT::Ticket->new($user); $ticket->Load($id);
        $ticket->$what( MIMEObj => MIME::Entity->build( Type => 'text/plain', Charset => 'UTF-8', Data => [ Encode::encode( 'UTF-8', $text ) ] ) );
    },
    set => sub { my ( $id, $field, $value ) = @_; my $set = "Set$field"; loaded( 'Ticket', $id )->$set($value) },
    merge => sub { loaded( 'Ticket', $_[0] )->MergeInto( $_[1] ) },
    sees => sub {
        my ($login) = @_;
        RT::Principal->InvalidateACLCache();
        my $user = RT::CurrentUser->new; $user->Load($login);
        my $tickets = RT::Tickets->new( RT->SystemUser ); $tickets->FromSQL("id > 0");
        my @seen;
        while ( my $ticket = $tickets->Next ) {
            my $own = RT::Ticket->new($user); $own->Load( $ticket->id );
            push @seen, $ticket->id if $own->CurrentUserHasRight('ShowTicket');
        }
        return \@seen;
    },
);

while ( my $line = <STDIN> ) {
    my ( $act, @given ) = @{ decode_json($line) };
    my @answer = $acts{$act}->(@given);
    print encode_json( [ ref $answer[0] ? $answer[0] : "" . ( $answer[0] // '' ), "" . ( $answer[1] // '' ) ] ), "\n";
}
