<?php
// Prints what DokuWiki's own functions say: a permission for each user and page.
// php acl_check.php FOLDER_OF_DOKUWIKI ACL_FILE < {"users": {login: [groups]}, "pages": [page]}
define('DOKU_INC', $argv[1] . '/');
error_reporting(E_ERROR);
spl_autoload_register(function ($name) {
    $file = DOKU_INC . 'inc/' . str_replace('\\', '/', substr($name, strlen('dokuwiki/'))) . '.php';
    if (is_file($file)) require_once $file;
});
foreach (['defines', 'utf8', 'auth', 'pageutils', 'pluginutils'] as $part) require_once DOKU_INC . "inc/$part.php";
$asked = json_decode(stream_get_contents(STDIN), true);
$conf = ['useacl' => 1, 'superuser' => '', 'manager' => '', 'sepchar' => '_', 'useslash' => 0, 'deaccent' => 0];
$config_cascade = ['acl' => ['default' => $argv[2]]];
$auth = new class extends \dokuwiki\Extension\AuthPlugin {};
$found = [];
foreach ($asked['users'] as $login => $groups) {
    $INPUT = new \dokuwiki\Input\Input();
    if ($login !== '') $INPUT->server->set('REMOTE_USER', $login);
    $USERINFO = $login === '' ? null : ['grps' => $groups];
    $AUTH_ACL = auth_loadACL();
    foreach ($asked['pages'] as $page) {
        $data = ['id' => $page, 'user' => $login, 'groups' => $groups];
        $found[$login][$page] = auth_aclcheck_cb($data);
    }
}
echo json_encode($found);
