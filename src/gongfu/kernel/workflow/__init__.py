"""Who may move what from which state to which, over django-fsm."""
