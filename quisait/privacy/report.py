"""Write the register of processing, in French, from the current settings (for the AIPD)."""

from collections.abc import Iterator

from connectors.installed import load_kind
from connectors.ports import SourceRefused
from expertise.builds import TREND_DAYS
from quisait.settings import PrivacySettings, Settings, beside_file
from quisait.settings.sources import SourceSettings
from search_api.questions.choosing import LATELY_DAYS
from search_api.verification.storage import MONTH_DAYS

_ROLES = {
    "animator": "animation de réseau",
    "administrator": "administration",
    "officer": "protection des données",
}
_KINDS = {
    "folder": "dossier de fichiers",
    "export": "export d'une application",
    "mediawiki": "wiki",
    "push": "application qui pousse ses documents",
    "questions": "questions posées ici à des collègues, avec leurs réponses",
}


def report_text(settings: Settings) -> str:
    """Return Markdown about what is on and what is off; it contains no secret and no agent."""
    sections = (
        ("Finalité", _purposes()),
        ("Personnes concernées et catégories de données", _categories(settings)),
        ("Sources", _sources(settings)),
        ("Destinataires et rôles", _recipients(settings)),
        ("Durées de conservation", _periods(settings)),
        ("Droits, et comment ils s'exercent", _rights(settings)),
        ("Mesures de sécurité", _measures(settings)),
        ("Ce qui est éteint ou à décider", _open(settings)),
    )
    lines = [
        "# Registre du traitement : Qui sait ?",
        "",
        "Écrit par « quisait privacy report » d'après la configuration en vigueur.",
    ]
    for title, lines_of_section in sections:
        lines += ["", f"## {title}", "", *(f"- {line}" for line in lines_of_section)]
    return "\n".join(lines)


def _purposes() -> Iterator[str]:
    yield "Retrouver les documents que l'agent a le droit de lire."
    yield "Aider à trouver de l'aide : proposer des collègues d'après ce qu'ils ont écrit."
    yield "Montrer les sujets qui reposent sur peu de personnes, et les pairs d'un agent isolé."
    yield (
        "Jamais : évaluer, comparer, noter ou classer des agents. Aucune page, aucune commande ni "
        "adresse de l'API ne les range par volume ; un test du projet le tient."
    )
    yield "Pas de décision automatisée : une proposition est une aide, avec ses documents à côté."


def _categories(settings: Settings) -> Iterator[str]:
    if settings.directory.agents or settings.ldap.urls:
        yield (
            "Agents, d'après l'annuaire : identifiant, nom, métier, service, résidence, "
            "département, adresse, dates d'arrivée et de départ, compétences, comptes, groupes."
        )
    yield (
        "Auteurs, d'après les sources : compte, nature de la contribution (rédaction, réponse, "
        "relecture…), dates, nombre par document, part du texte où la source la dit."
    )
    if any(source.scim for source in settings.sources):
        yield (
            "Groupes que les applications de La Suite envoient (SCIM) : nom du groupe, identifiant "
            "et adresse de chaque membre, jusqu'à ce que l'application l'en ôte ; hors des "
            "sauvegardes."
        )
    yield "Documents : texte, titre, lecteurs permis ou refusés ; ils peuvent nommer des personnes."
    if settings.scans.enabled:
        yield (
            "Documents numérisés : leur texte, reconnu sur cette machine par Tesseract, page par "
            "page, et sa certitude ; de la version présente seule, effacé avec le document."
        )
    yield (
        "Demandes des agents : retraits, sujets refusés ou déclarés, documents qui ne disent rien "
        "d'eux, façon d'être joint, communautés rejointes ou quittées, jour où une invitation a "
        "été lue. Agents retirés d'un sujet par qui l'anime : qui, et pourquoi."
    )
    yield (
        "Avis (« utile », « pas utile ») sur des documents et des collègues proposés, et favoris : "
        "vus de leur seul auteur ; l'administration voit des sommes, par document qu'elle peut "
        "lire ou par sujet, à partir de cinq personnes. Le texte des questions n'y est pas."
    )
    yield from _asking_categories(settings)
    if settings.mail.host:
        yield (
            "Courriel : ce que chacun choisit de recevoir ; à qui, pourquoi et quand un message "
            "est parti, sans son texte ; adresses que le serveur a refusées."
        )
    if settings.mailbox.host:
        yield (
            "Réponses par courriel : les courriels reçus, avec leur auteur et leur texte, dans la "
            "boîte qui ne sert qu'à cela ; la réponse publiée, sans pièce jointe."
        )
    if any(source.kind == "matrix" for source in settings.sources):
        yield (
            "Salons (Matrix, Tchap) où le compte est invité : messages, comptes et noms affichés "
            "de leurs auteurs, nombre de remerciements, membres qui en sont les lecteurs."
        )
    if settings.bot.source:
        yield (
            "Demandes dans les salons : lues pour y répondre, ni gardées ni journalisées ; un "
            "message auquel il est répondu n'est pas indexé."
        )
    if settings.topics.file:
        yield "Cartographie : qui sait quoi, d'après les seuls documents ouverts à tous les agents."
        yield (
            "Calcul de la cartographie : comptes, agents et documents ouverts à tous, en fichiers "
            "lisibles du seul compte de quisait, effacés à la publication, hors des sauvegardes"
            + (
                " ; lus aussi par les machines du groupe Spark."
                if settings.expertise.engine == "spark"
                else "."
            )
        )
    if settings.journal.enabled:
        yield (
            "Questions posées : texte montré à partir de cinq personnes, sans nom ; pseudonymes "
            "à sel tournant."
        )
        yield (
            "Propositions : par agent proposé et par sujet, combien de personnes différentes, à "
            "partir de cinq ; dit à cet agent seul."
        )
    yield (
        "Sessions et jetons personnels : agent, dates, nom donné au jeton ; empreinte de ce qui "
        "les ouvre ; pour une session, le jeton d'identité du fournisseur."
    )
    yield (
        "Consultations privilégiées : qui, quand, quelle page, au sujet de qui ou de quoi ; "
        "tentatives refusées."
    )
    yield "Aucune donnée sensible n'est demandée ; un espace se déclare « evidence = none »."


def _asking_categories(settings: Settings) -> Iterator[str]:
    """Yield the data of questions, of assistants, and of authors' verifications of documents."""
    if settings.assistants.enabled:
        yield (
            "Assistants : de chaque appel au nom d'un agent, la date, l'outil et le nom du jeton, "
            "montrés à lui seul ; ni la question ni le document lu."
        )
    if settings.questions.enabled:
        yield (
            "Questions à des collègues : qui demande, le texte, les lecteurs choisis, les réponses "
            "et qui les donne ; à qui elle a été posée, ce qu'il en a fait et quand, et à qui elle "
            "peut l'être ensuite, dit à lui seul ; ce que chacun accepte de recevoir. Quand un "
            "texte a été corrigé, sans l'ancien. Combien de fois un document existant a suffi, "
            "sans dire à qui."
        )
        yield (
            "Signalements : qui signale un texte, et pourquoi, montré à lui seul ; à qui modère, "
            "et à l'auteur d'une réponse qui n'est plus juste, la raison et le jour. "
            "Textes masqués : la raison, que leur auteur lit."
        )
        yield (
            "Ce que chacun suit : sujets, communautés, questions, recherches enregistrées (avec "
            "leurs mots), et jusqu'à quand il en a vu les nouveautés ; vu de lui seul."
        )
    if settings.verification.enabled:
        yield (
            "Vérifications : ce qu'un auteur dit de son document, sous son nom ; qui dit un "
            "document périmé, montré à lui seul, et pourquoi, montré sans son nom à son auteur "
            "ou à qui anime ; combien de documents chacun accepte de vérifier."
        )
        if settings.verification.much_opened:
            yield "Ouvertures : combien de lecteurs par document et par jour, sans dire lesquels."


def _sources(settings: Settings) -> Iterator[str]:
    if settings.ldap.urls:
        yield f"Annuaire LDAP, relu au rythme de {settings.directory.every}."
    elif settings.directory.agents:
        yield f"Annuaire (tables), relu au rythme de {settings.directory.every}."
    else:
        yield "Aucun annuaire n'est réglé : personne n'est proposé."
    yield from map(_source, settings.sources)


def _source(source: SourceSettings) -> str:
    readers = f", lecteurs par défaut : {', '.join(source.allowed)}" if source.allowed else ""
    return f"« {source.name} » : {_kind(source.kind)}{readers}."


def _kind(name: str) -> str:
    """Return the label of a kind of source; of a connector that does not load, its name."""
    if name in _KINDS:
        return _KINDS[name]
    try:
        return f"{load_kind(name).label} (connecteur « {name} »)"
    except SourceRefused:
        return f"connecteur « {name} », qui ne se charge pas"


def _recipients(settings: Settings) -> Iterator[str]:
    yield "Chaque agent : les documents que ses groupes lui ouvrent, et rien d'autre."
    for role in settings.roles:
        about = ", ".join((*role.topics, *role.communities))
        yield (
            f"Rôle « {_ROLES[role.role]} », agents : {len(role.agents)}, "
            f"groupes : {len(role.groups)}{f' ({about})' if about else ''} ; "
            "ses lectures sont consignées."
        )
    if not settings.roles:
        yield "Aucun rôle n'est donné."
    if settings.embed.origins:
        origins = ", ".join(settings.embed.origins)
        yield f"Pages de l'intranet où la recherche est posée : {origins}."
    if settings.mail.host:
        yield (
            f"Serveur de courriel {settings.mail.host} : l'adresse des agents qui l'ont choisi, "
            "des titres ouverts à tous et des liens ; un titre réservé, si un service le permet "
            f"({', '.join(settings.mail.titled_entities) or 'aucun'})."
        )
    if settings.mailbox.host:
        yield (
            f"Serveur de courriel {settings.mailbox.host} : la boîte des réponses, lue par quisait."
        )
    writing = settings.written_answer
    if writing.url:
        reach = "lisibles de qui demande" if writing.restricted else "de documents ouverts à tous"
        yield (
            f"Modèle de langue {writing.model}, à {writing.url} : à la demande d'un agent, sa "
            "question, sans son nom, et des extraits "
            f"{reach}, des sources {', '.join(writing.sources)}. "
            "Rien n'en est gardé ici ; ce serveur suit ses propres règles."
        )
    if settings.bot.source:
        yield (
            f"Salons de la source « {settings.bot.source} » où le service est appelé : titres et "
            "adresses de documents, noms et coordonnées de collègues, que tous leurs membres "
            "peuvent lire, et en privé celui qui demande ; les serveurs Matrix des membres les "
            "gardent."
        )
    if settings.assistants.enabled:
        yield (
            "Assistants auxquels un agent donne un jeton : ce qu'ils cherchent et lisent en son "
            "nom, là où ils sont tenus."
        )
    sent = settings.bot.source or settings.assistants.enabled or writing.url
    other = " autre" if sent else ""
    yield f"Aucun{other} transfert hors de l'administration : rien n'est envoyé à un tiers."


def _periods(settings: Settings) -> Iterator[str]:
    privacy = settings.privacy
    yield (
        "Documents, et vecteurs tirés d'eux : jusqu'à la lecture qui suit leur suppression à la "
        "source ; leurs mots, dans les fichiers de l'index, jusqu'à l'effacement de chaque jour."
    )
    yield f"Agents partis : effacés {privacy.departed_days} jours après leur départ."
    yield (
        "Avis et favoris : jusqu'à ce que l'agent les efface, tant qu'il est connu de l'annuaire, "
        "puis le même délai ; sur une personne, jusqu'à son retrait ou son effacement ; sur un "
        "document, jusqu'à l'effacement qui suit sa suppression."
    )
    yield from _asking_periods(settings)
    if settings.mail.host:
        yield (
            "Courriel : messages, trente jours après l'envoi ; choix, tant que l'agent est connu "
            "de l'annuaire, puis le même délai."
        )
    if settings.mailbox.host:
        yield (
            f"Courriels reçus : effacés de la boîte {settings.mailbox.kept_days} jours après leur "
            "arrivée, réponses et messages écartés."
        )
    if settings.bot.source:
        yield (
            "Réponses dans les salons : le temps que les serveurs Matrix gardent leurs messages ; "
            "rien n'en est gardé ici."
        )
    yield "Demandes d'un agent : tant qu'il est connu de l'annuaire, puis le même délai."
    if settings.topics.file:
        yield (
            f"Cartographie : refaite au rythme de {settings.topics.every}, plus montrée après "
            f"{settings.topics.oldest_days} jours ; la précédente est effacée."
        )
        yield (
            f"Sujets qu'une seule personne tient, sans elle, par cartographie : {TREND_DAYS} jours."
        )
    if settings.journal.enabled:
        yield (
            f"Questions : pseudonymes détruits après {settings.journal.period_days} j, comptes "
            f"après {settings.journal.keep_days} j."
        )
    yield f"Consultations privilégiées : {privacy.audit_days} jours (jamais moins de 365)."
    yield f"Sessions : {settings.sign_on.idle} sans usage, {settings.sign_on.absolute} au plus."
    yield f"Jetons personnels : {settings.sign_on.token_days} jours au plus."
    if settings.assistants.enabled:
        yield f"Appels d'assistants : {settings.assistants.kept_days} jours."
    yield f"Sauvegardes : {privacy.backup_days} jours, comme le registre des suppressions."


def _asking_periods(settings: Settings) -> Iterator[str]:
    """Yield the retention of questions, and of authors' verifications of documents."""
    if settings.questions.enabled:
        yield (
            "Questions et réponses : jusqu'à ce que leur auteur les supprime ; au départ, après le "
            "même délai, elles restent sans son nom, et le reste s'efface. D'une question "
            f"supprimée, qui l'a posée et à qui : {LATELY_DAYS} jours, pour que les limites "
            "tiennent."
        )
        for what, days in (
            ("Question restée sans réponse", settings.questions.unanswered_days),
            ("Question répondue, que plus personne n'ouvre", settings.questions.unused_days),
        ):
            yield f"{what} : {f'{days} jours' if days else 'sans limite, à justifier'}."
        yield (
            "Signalements : jusqu'à ce que leur auteur les reprenne ; décidés, "
            f"{LATELY_DAYS} jours ; avec le texte, s'il est supprimé."
        )
        yield (
            "Ce qu'un agent suit : jusqu'à ce qu'il le retire, ou se retire du service ; au "
            "départ, le même délai."
        )
    if settings.verification.enabled:
        yield (
            "Vérifications : jusqu'à ce que l'agent les reprenne ou que le document disparaisse ; "
            f"au départ, le même délai. Ouvertures : {MONTH_DAYS} jours."
        )


def _rights(settings: Settings) -> Iterator[str]:
    yield (
        "Information et accès : page « Ce qui est tenu de moi » (/mes-donnees), et d'où vient "
        "chaque donnée."
    )
    yield "Portabilité : un fichier JSON complet, depuis la même page."
    yield (
        "Rectification : sujets refusés ou déclarés, documents écartés, sur la page et à côté de "
        "son nom ; l'annuaire se corrige chez lui."
    )
    yield (
        "Opposition : retrait d'une source ou de tout, effectif à la réponse suivante, y compris "
        "suggestions, cartographie, pairs, communautés, comptes et boîte embarquée. Le document "
        "reste, sous le nom que sa source affiche."
    )
    yield "Limitation : façon d'être joint, que l'agent peut restreindre."
    yield (
        "Effacement : avis et favoris, un à un ou tous, sur la page ; le reste au départ, par "
        "règle ; « quisait privacy purge »."
    )
    contact = settings.pages.contact
    yield (
        f"Réclamation : {contact}." if contact else "Réclamation : à qui ? Réglez [pages] contact."
    )


def _measures(settings: Settings) -> Iterator[str]:
    yield "Droits de lecture appliqués dans chaque requête au moteur ; sans nom, on ne lit rien."
    if settings.oidc.issuer:
        yield "Authentification : OpenID Connect."
    elif settings.signed_header.name:
        yield "Authentification : en-tête signé par le mandataire."
    elif settings.server.reader == "demo":
        yield "Authentification : aucune (démonstration, sur cette machine seulement)."
    else:
        yield "Authentification : jetons signés."
    yield "Consultations privilégiées consignées avant d'être montrées, en chaîne d'empreintes."
    yield "Journaux techniques sans texte de document, de question, ni nom."
    yield (
        "Retraits, suppressions et droits restreints rejoués sur une base d'état ou un index "
        "intégré restaurés, avant de répondre."
    )
    if settings.index.engine == "opensearch":
        yield "Instantané d'OpenSearch restauré seul : « quisait privacy replay » le rejoue."
        tls = all(url.startswith("https://") for url in settings.index.urls)
        yield f"Moteur OpenSearch, {'chiffré (TLS)' if tls else 'SANS chiffrement'}."
    yield f"Registre des suppressions : {_register(settings)}."


def _register(settings: Settings) -> str:
    place = beside_file(settings.privacy.register_file)
    inside = place.is_relative_to(beside_file(settings.folder))
    return f"{settings.privacy.register_file}{' (À DÉPLACER)' if inside else ''}"


def _open(settings: Settings) -> Iterator[str]:
    place = beside_file(settings.privacy.register_file)
    if place.is_relative_to(beside_file(settings.folder)):
        yield (
            "Le registre des suppressions est dans le dossier de la base : une restauration "
            "l'écraserait. Réglez [privacy] register_file ailleurs."
        )
    if not settings.journal.enabled:
        yield "Journal des questions : éteint. Aucune question n'est gardée."
    used = {
        "Questions à des collègues : éteintes.": settings.questions.enabled,
        "Courriel aux agents : éteint.": settings.mail.host,
        "Réponses dans les salons : éteintes.": settings.bot.source,
        "Cartographie des sujets : éteinte.": settings.topics.file,
    }
    yield from (line for line, is_used in used.items() if not is_used)
    if not any(role.role == "officer" for role in settings.roles):
        yield "Nul n'a le rôle « protection des données » : nul ne lit les consultations."
    if settings.server.reader == "demo":
        yield "Démonstration : chacun choisit qui il est. À ne pas ouvrir au-delà de cette machine."
    if not settings.metrics.token and not settings.metrics.port:
        yield "Mesures pour Prometheus : éteintes."
    default = PrivacySettings()
    if settings.privacy.departed_days > default.departed_days:
        yield "Le délai d'effacement après un départ dépasse un an : à justifier."
    yield "Base légale, responsable du traitement, analyse d'impact : à écrire par l'organisation."
